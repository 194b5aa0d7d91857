package servers

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// Plane is a control plane that runs: etcd, kube-apiserver, and what makes pods of
// StatefulSets and gives them nodes.
type Plane struct {
	Config     *rest.Config
	Kubeconfig string // file of an admin
	Logs       string // folder

	env      *envtest.Environment
	programs []*exec.Cmd
}

// Start runs a control plane of the programs in a folder (Need), with definitions of
// resources, and with logs in another folder. It is for tests in isolation.
func Start(programs, logs string, definitions ...string) (*Plane, error) {
	p := &Plane{Logs: logs, env: &envtest.Environment{BinaryAssetsDirectory: programs, CRDDirectoryPaths: definitions, ErrorIfCRDPathMissing: true}}
	// There is no address but those of the loopback interface, and nobody looks for the
	// apiserver at a Service.
	p.env.ControlPlane.GetAPIServer().Configure().Set("advertise-address", "127.0.0.1").Set("endpoint-reconciler-type", "none")
	config, err := p.env.Start()
	if err != nil {
		return nil, err
	}
	config.QPS = -1
	p.Config = config
	if err := p.startOthers(programs); err != nil {
		return nil, errors.Join(err, p.Stop())
	}
	return p, nil
}

func (p *Plane) startOthers(folder string) error {
	admin, err := p.env.AddUser(envtest.User{Name: "test-admin", Groups: []string{"system:masters"}}, nil)
	if err != nil {
		return err
	}
	text, err := admin.KubeConfig()
	if err != nil {
		return err
	}
	p.Kubeconfig = filepath.Join(p.Logs, "kubeconfig")
	if err := os.WriteFile(p.Kubeconfig, text, 0o600); err != nil {
		return err
	}
	common := []string{"--kubeconfig=" + p.Kubeconfig, "--authentication-kubeconfig=" + p.Kubeconfig, "--authorization-kubeconfig=" + p.Kubeconfig,
		"--bind-address=127.0.0.1", "--cert-dir=" + p.Logs, "--leader-elect=false"}
	for _, name := range []string{"kube-controller-manager", "kube-scheduler"} {
		log, err := os.Create(filepath.Join(p.Logs, name+".log"))
		if err != nil {
			return err
		}
		c := exec.Command(filepath.Join(folder, name), common...)
		c.Stdout, c.Stderr = log, log
		c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		err = c.Start()
		if err = errors.Join(err, log.Close()); err != nil {
			return fmt.Errorf("start %s: %w", name, err)
		}
		p.programs = append(p.programs, c)
	}
	return nil
}

// Stop ends the control plane.
func (p *Plane) Stop() error {
	var errs []error
	for _, c := range p.programs {
		errs = append(errs, c.Process.Signal(syscall.SIGTERM))
		if err := c.Wait(); err != nil && c.ProcessState == nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(append(errs, p.env.Stop())...)
}
