package raftnode

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"g2c/coordinator/raftnode/journal"
	"g2c/internal/atomicfile"
	"g2c/internal/fault"
)

// A data folder:
//
//	node.json   who this is: name, birth, and the cluster once it is in one
//	lock        held while a process runs
//	log/        the journal and the votes
//	snapshots/  what compaction left
//
// node.json is written whole, with the sum of its other fields in it.
type identity struct {
	Format   int      `json:"format"`
	Name     string   `json:"name"`
	Birth    string   `json:"birth"`
	Address  string   `json:"address"`
	Cluster  string   `json:"cluster,omitempty"`
	Founders []string `json:"founders,omitempty"` // name/birth@host:port, sorted
	Started  bool     `json:"started,omitempty"`  // it has voted or may have: its votes must be there
	Sum      string   `json:"sum"`
}

const (
	identityFile   = "node.json"
	identityFormat = 1
)

// Refusals of data folders.
var (
	// ErrNew is a folder that is new, where nobody said which cluster it is for.
	ErrNew = errors.New("data folder is in no cluster")
	// ErrReplaced is a folder that is new, of a node that is a member with another.
	ErrReplaced = errors.New("the cluster knows this node with another data folder")
	// ErrRemoved is a node that was taken out of its cluster.
	ErrRemoved = errors.New("this node was removed from its cluster")
	// ErrDiverged is a node whose state is another than that of the others.
	ErrDiverged = errors.New("the state differs from that of the other nodes")
	// ErrStuck is a node that does not apply what is committed.
	ErrStuck = errors.New("this node stands still")
	// ErrDisk is a disk that is full, or fails.
	ErrDisk = errors.New("the disk takes no more")
)

func (i identity) member() member { return member{i.Name, i.Birth} }

func (i identity) sum() string {
	i.Sum = ""
	b, err := json.Marshal(i)
	if err != nil {
		panic(err) // plain data
	}
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:8])
}

// clusterOf names a cluster by its founders.
func clusterOf(founders []string) string {
	h := sha256.Sum256([]byte(strings.Join(founders, "\n")))
	return hex.EncodeToString(h[:8])
}

// parseIdentity reads a node.json.
func parseIdentity(b []byte) (identity, error) {
	var i identity
	if err := json.Unmarshal(b, &i); err != nil {
		return i, fmt.Errorf("%w: %w", journal.ErrCorrupt, err)
	}
	if i.Format > identityFormat {
		return i, fmt.Errorf("it is of format %d, and this release reads %d", i.Format, identityFormat)
	}
	if i.Sum != i.sum() {
		return i, fmt.Errorf("%w: its checksum", journal.ErrCorrupt)
	}
	if _, err := parseMember(i.member().String()); err != nil {
		return i, err
	}
	return i, nil
}

// dataDir is a data folder that this process has to itself.
type dataDir struct {
	path string
	lock *os.File

	mu sync.Mutex // for the time before raft runs; then nothing changes any more
	id identity
}

// current is the identity while it may change.
func (d *dataDir) current() identity {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.id
}

// openDataDir locks a folder and reads who it is. One that is empty is given a
// birth, and written before anybody hears of it.
func openDataDir(path, name, address string) (*dataDir, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fault.New(fault.ErrUnavailable, "data folder: %w", err)
	}
	lock, err := lockFile(filepath.Join(path, "lock"))
	if err != nil {
		return nil, fault.New(fault.ErrUnavailable, "data folder %s is in use: %w", path, err).WithHint("is this coordinator running already?")
	}
	d := &dataDir{path: path, lock: lock}
	if _, err = atomicfile.Sweep(path); err == nil {
		err = d.load(name, address)
	} else {
		err = fault.New(fault.ErrUnavailable, "data folder: %w", err)
	}
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return d, nil
}

func (d *dataDir) load(name, address string) error {
	file := filepath.Join(d.path, identityFile)
	b, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		for _, part := range []string{"log", "snapshots"} {
			if _, err := os.Stat(filepath.Join(d.path, part)); err == nil {
				return fault.New(fault.ErrData, "%w: %s is gone, and %s beside it is not", journal.ErrLost, file, part).WithHint("%s", replaceHint)
			}
		}
		return d.write(identity{Format: identityFormat, Name: name, Birth: newBirth(), Address: address})
	}
	if err != nil {
		return fault.New(fault.ErrUnavailable, "%w", err)
	}
	if d.id, err = parseIdentity(b); err != nil {
		return fault.New(fault.ErrData, "%s: %w", file, err).WithHint("%s", replaceHint)
	}
	if d.id.Name != name {
		return fault.New(fault.ErrSpec, "%s is the data folder of %s, not of %s", d.path, d.id.Name, name)
	}
	if d.id.Cluster == "" && d.id.Address != address {
		id := d.id
		id.Address = address
		return d.write(id)
	}
	if d.id.Address != address {
		return fault.New(fault.ErrSpec, "%s is in its cluster at %s, and was started at %s", name, d.id.Address, address).
			WithHint("start it at its old address, or remove it from the cluster and join with a new data folder")
	}
	return nil
}

// replaceHint is what helps when a disk has lost what this node promised.
const replaceHint = "do not repair it by hand: remove this node from the cluster, and let it join again with an empty data folder"

func (d *dataDir) write(i identity) error {
	slices.Sort(i.Founders)
	i.Sum = i.sum()
	b, err := json.MarshalIndent(i, "", "  ")
	if err != nil {
		return err
	}
	if err := atomicfile.Write(filepath.Join(d.path, identityFile), atomicfile.Options{Mode: 0o600, Sync: true}, append(b, '\n')); err != nil {
		return fault.New(fault.ErrUnavailable, "%w: %w", ErrDisk, err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.id = i
	return nil
}

// enter writes down the cluster that this node is in from now on.
func (d *dataDir) enter(cluster string, founders []string) error {
	i := d.id
	i.Cluster, i.Founders = cluster, founders
	return d.write(i)
}

func (d *dataDir) started() error {
	if d.id.Started {
		return nil
	}
	i := d.id
	i.Started = true
	return d.write(i)
}

func (d *dataDir) close() error { return d.lock.Close() }
