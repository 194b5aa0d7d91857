package raftnode

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"

	"github.com/hashicorp/raft"

	"g2c/coordinator/replica"
)

// member is a replica for ever: its name and its birth, written name/birth. Raft
// knows replicas by it.
type member struct{ name, birth string }

// memberForm has the names that certificates may have.
var memberForm = regexp.MustCompile(`^([A-Za-z0-9][A-Za-z0-9._-]{0,62})/([0-9a-f]{16})$`)

func newBirth() string {
	b := make([]byte, 8)
	rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

func (m member) String() string { return m.name + "/" + m.birth }

func parseMember(s string) (member, error) {
	p := memberForm.FindStringSubmatch(s)
	if p == nil {
		return member{}, fmt.Errorf("%q is no member: want name/birth", s)
	}
	return member{p[1], p[2]}, nil
}

// address is what raft dials: a place, and who must be there.
func (m member) address(place string) raft.ServerAddress {
	return raft.ServerAddress(m.String() + "@" + place)
}

func parseAddress(a raft.ServerAddress) (member, string, error) {
	who, place, ok := strings.Cut(string(a), "@")
	if !ok {
		return member{}, "", fmt.Errorf("%q is no address: want name/birth@host:port", a)
	}
	m, err := parseMember(who)
	return m, place, err
}

// peerIn is a server of raft's configuration as the service sees it.
func peerIn(s raft.Server) (replica.Peer, error) {
	m, place, err := parseAddress(s.Address)
	if err != nil {
		return replica.Peer{}, err
	}
	p := replica.Peer{ID: m.name, Address: place, Role: replica.Learner}
	if s.Suffrage == raft.Voter {
		p.Role = replica.Voter
	}
	return p, nil
}
