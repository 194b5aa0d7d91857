package server

import (
	"fmt"
	"path"
	"strings"

	"google.golang.org/grpc/health/grpc_health_v1"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	reflectionv1alpha "google.golang.org/grpc/reflection/grpc_reflection_v1alpha"

	"g2c/api/rpcerr"
	apiv1 "g2c/api/v1"
	"g2c/internal/pki"
)

// role is how much a caller may do. Each has those before it, but for worker: it is
// apart.
type role int

const (
	nothing role = iota
	viewer
	submitter
	operator
	admin
	worker role = -1
)

// roles are those of users and tokens, as certificates and the state name them: each has
// those before it.
var roles = named(pki.GrantRoles())

func named(names []string) map[string]role {
	out := map[string]role{}
	for i, name := range names {
		out[name] = viewer + role(i)
	}
	return out
}

// oneOfRoles is the names of all of them, for people.
func oneOfRoles() string { return "one of the roles " + strings.Join(pki.GrantRoles(), ", ") }

func (r role) String() string {
	for name, v := range roles {
		if v == r {
			return name
		}
	}
	if r == worker {
		return "worker"
	}
	return "nothing"
}

// aclRule says who may make a call, and where it is answered.
type aclRule struct {
	least   role // role that it takes
	worker  bool // workers may, too
	global  bool // not for callers who are confined to a project
	here    bool // answered by whichever coordinator is asked
	orHere  bool // answered here if there is no leader to pass it on to
	outside bool // a call of gRPC's own, for everybody with a certificate
	bulk    bool // its caller sends messages as large as there are
}

// acl is the authorisation: every call there is.
var acl = map[string]aclRule{
	apiv1.ExperimentService_Submit_FullMethodName:            {least: submitter, bulk: true},
	apiv1.ExperimentService_GetExperiment_FullMethodName:     {least: viewer},
	apiv1.ExperimentService_ListExperiments_FullMethodName:   {least: viewer},
	apiv1.ExperimentService_CancelExperiment_FullMethodName:  {least: submitter},
	apiv1.ExperimentService_RetryExperiment_FullMethodName:   {least: submitter},
	apiv1.ExperimentService_HoldExperiment_FullMethodName:    {least: submitter},
	apiv1.ExperimentService_ReleaseExperiment_FullMethodName: {least: submitter},
	apiv1.ExperimentService_Watch_FullMethodName:             {least: viewer},

	apiv1.TaskService_ListTasks_FullMethodName:    {least: viewer},
	apiv1.TaskService_DescribeTask_FullMethodName: {least: viewer},
	apiv1.TaskService_RetryTask_FullMethodName:    {least: submitter},
	apiv1.TaskService_ReadLogs_FullMethodName:     {least: viewer},
	apiv1.TaskService_ReadMetrics_FullMethodName:  {least: viewer},

	apiv1.DataService_StatData_FullMethodName:   {least: viewer, worker: true},
	apiv1.DataService_UploadData_FullMethodName: {least: submitter, bulk: true},

	apiv1.WorkerService_ListWorkers_FullMethodName:   {least: viewer},
	apiv1.WorkerService_AwaitEmpty_FullMethodName:    {least: viewer},
	apiv1.WorkerService_ListDemand_FullMethodName:    {least: viewer},
	apiv1.WorkerService_SetWorkerMode_FullMethodName: {least: operator, global: true},
	apiv1.WorkerService_RemoveWorker_FullMethodName:  {least: operator, global: true},
	apiv1.WorkerService_Connect_FullMethodName:       {least: admin, global: true, worker: true},

	apiv1.ClusterService_Status_FullMethodName:             {least: viewer, worker: true, orHere: true},
	apiv1.ClusterService_AddMember_FullMethodName:          {least: admin, global: true},
	apiv1.ClusterService_RemoveMember_FullMethodName:       {least: admin, global: true},
	apiv1.ClusterService_TransferLeadership_FullMethodName: {least: admin, global: true},
	apiv1.ClusterService_RaiseLevel_FullMethodName:         {least: admin, global: true},
	apiv1.ClusterService_Backup_FullMethodName:             {least: admin, global: true},
	apiv1.ClusterService_ListProjects_FullMethodName:       {least: viewer},
	apiv1.ClusterService_SetProject_FullMethodName:         {least: operator, global: true},
	apiv1.ClusterService_ListAudits_FullMethodName:         {least: operator, global: true},

	apiv1.TokenService_CreateToken_FullMethodName: {least: admin, global: true},
	apiv1.TokenService_ListTokens_FullMethodName:  {least: admin, global: true},
	apiv1.TokenService_RevokeToken_FullMethodName: {least: admin, global: true},

	apiv1.AccessService_SetUser_FullMethodName:           {least: admin, global: true},
	apiv1.AccessService_RemoveUser_FullMethodName:        {least: admin, global: true},
	apiv1.AccessService_ListUsers_FullMethodName:         {least: admin, global: true},
	apiv1.AccessService_RevokeCertificate_FullMethodName: {least: admin, global: true},
	apiv1.AccessService_ListRevocations_FullMethodName:   {least: operator, global: true},

	grpc_health_v1.Health_Check_FullMethodName:                             {outside: true, here: true},
	grpc_health_v1.Health_Watch_FullMethodName:                             {outside: true, here: true},
	grpc_health_v1.Health_List_FullMethodName:                              {outside: true, here: true},
	reflectionv1.ServerReflection_ServerReflectionInfo_FullMethodName:      {outside: true, here: true},
	reflectionv1alpha.ServerReflection_ServerReflectionInfo_FullMethodName: {outside: true, here: true},
}

// allow refuses a call that its caller may not make.
func (p aclRule) allow(method string, w *who) error {
	switch {
	case p.outside, w.role == worker && p.worker:
		return nil
	case w.role == nothing:
		return rpcerr.New(rpcerr.Unauthenticated, "%s shows no token, which this cluster asks for", w.principal).
			WithHint("set --token or G2C_TOKEN; `g2c token create` makes one")
	case w.role < p.least:
		return rpcerr.New(rpcerr.NotPermitted, "%s has the role %s: %s takes the role %s", w.principal, w.role, path.Base(method), p.least).
			WithHint("%s", p.instead(w))
	case p.global && w.project != "":
		return rpcerr.New(rpcerr.NotPermitted, "%s is for project %s alone: %s is about all of them", w.principal, w.project, path.Base(method)).
			WithHint("show a token that is for all projects")
	}
	return nil
}

// instead says what a caller whose role does not do can show in its place.
func (p aclRule) instead(w *who) string {
	if w.role == worker {
		return "a worker's certificate serves `g2c worker` alone: show one of `g2c certs issue --role client`"
	}
	return fmt.Sprintf("show a token of that role: an admin makes one with `g2c token create --role %s`", p.least)
}
