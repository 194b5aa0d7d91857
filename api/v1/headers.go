package apiv1

// Headers of calls and answers.
const (
	// AuthorizationHeader carries a token: "Bearer " and the token.
	AuthorizationHeader = "authorization"
	// NodeHeader and LeaderHeader of an answer say which coordinator took the call,
	// and which one leads: callers find the leader by them.
	NodeHeader   = "g2c-node"
	LeaderHeader = "g2c-leader"
	// HereHeader asks for the status as the coordinator has it that takes the call,
	// whoever leads.
	HereHeader = "g2c-here"
)

// LeaderService is the name under which a coordinator's health service says whether
// it leads.
const LeaderService = "g2c.leader"

// TokenPrefix begins every token, so that one that got lost is recognised; 64 hex
// digits follow.
const TokenPrefix = "g2c_"
