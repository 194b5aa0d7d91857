package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"g2c/checkpoint/filestore"
	"g2c/checkpoint/s3store"
	"g2c/internal/fault"
)

// verdict is how a check ended.
type verdict string

const (
	passes verdict = "ok"
	warns  verdict = "warn" // works, but slower or poorer
	fails  verdict = "fail" // something that is needed does not work
)

// finding is a line of `g2c doctor`.
type finding struct {
	Check   string  `json:"check"`
	Verdict verdict `json:"verdict"`
	Found   string  `json:"found"`
	Do      string  `json:"do,omitempty"` // what to do about it
}

// newDoctor is `g2c doctor`.
func newDoctor() *cobra.Command {
	var storeDir, cache, tuned string
	var f clientFlags
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Check this machine: what works, what does not, what to do",
		Long: `Check this machine: processor, backends, memory, GPUs, store and clock, and the
cluster, if one is named. The exit code is 1 if something that is needed does not work.

--tune=SPEC times the convolutions of a spec's training steps on the first GPU, by every
kernel that can serve them, and prints a proposal for the table of kernels. The table is
compiled in, and part of the numerics class: nothing changes by this.

` + exitCodes,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if tuned != "" {
				return tune(c, tuned)
			}
			all := []finding{checkFeatures()}
			all = append(all, checkCPU()...)
			all = append(append(all, checkCUDA()...), checkMemory(), checkStore(c.Context(), storeDir), checkCache(cache), checkClock(time.Now()))
			all = append(all, checkCluster(c.Context(), &f)...)
			return printFindings(c, all)
		},
	}
	c.Flags().StringVar(&storeDir, "store", defaultStore, "store to check")
	c.Flags().StringVar(&cache, "cache", "", "directory of decoded pixels to check (default the user's cache)")
	c.Flags().StringVar(&tuned, "tune", "", "measure the kernels that serve this spec on the first GPU, and propose a table")
	c.Flags().Lookup("tune").NoOptDefVal = "paper"
	f.add(c)
	return c
}

func printFindings(c *cobra.Command, all []finding) error {
	failed := 0
	for _, f := range all {
		if f.Verdict == fails {
			failed++
		}
		if wantJSON(c) {
			continue
		}
		fmt.Fprintf(stdout, "%-4s  %-10s %s\n", f.Verdict, f.Check, f.Found)
		if f.Do != "" {
			fmt.Fprintf(stdout, "%18s%s\n", "", f.Do)
		}
	}
	if wantJSON(c) {
		if err := printJSON(all); err != nil {
			return err
		}
	}
	if failed > 0 {
		return fault.New(fault.ErrTraining, "%d of %d checks failed", failed, len(all))
	}
	return nil
}

// checkStore looks whether a store could be written, without making one.
func checkStore(ctx context.Context, dir string) finding {
	if s3store.Is(dir) {
		return checkBucket(ctx, dir)
	}
	f := finding{Check: "store", Verdict: passes, Found: dir + " can be written"}
	if err := knownScheme(dir); err != nil {
		return finding{"store", fails, err.Error(), "give a directory with --store"}
	}
	place, err := standing(dir)
	if err != nil {
		return finding{"store", fails, err.Error(), "give another directory with --store"}
	}
	if place != dir {
		f.Found = fmt.Sprintf("%s does not exist yet, and can be made", dir)
	}
	can, err := filestore.Probe(place)
	if err != nil {
		return finding{"store", fails, fmt.Sprintf("%s: %v", dir, err), "check permissions and space, or give another directory with --store"}
	}
	notes := can.Notes()
	if len(notes) == 0 {
		notes = []string{"its file system has hard links, locks and flushes"}
	}
	f.Found += "; " + strings.Join(notes, "; ")
	if free, known := freeBytes(place); known {
		f.Found += fmt.Sprintf("; %.1f GiB free", float64(free)/gib)
		if free < gib {
			f.Verdict, f.Do = warns, "the paper's networks take about 0.3 GiB a checkpoint: make room"
		}
	}
	return f
}

// checkBucket lists a bucket and puts what it needs, under a name that goes again.
func checkBucket(ctx context.Context, name string) finding {
	c, err := s3store.Parse(name, os.Getenv)
	if err == nil {
		err = s3store.Probe(ctx, c)
	}
	if err != nil {
		return finding{"store", fails, err.Error(), "docs/storage.md says what a bucket needs"}
	}
	return finding{Check: "store", Verdict: passes, Found: c.Name() + " can be written; its server has conditional puts"}
}

// checkCache tries the place of decoded pixels.
func checkCache(flag string) finding {
	dir, err := cachePlace(flag)
	if err != nil {
		return finding{"cache", warns, err.Error(), "images are decoded in every run; give --cache DIR to keep them"}
	}
	return finding{Check: "cache", Verdict: passes, Found: dir + " can be written"}
}

// earliest is before any release of this program, so a clock that says less is
// wrong.
var earliest = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)

// checkClock holds the clock to what can be known without a network. No result
// depends on it; garbage collection and certificates do.
func checkClock(now time.Time) finding {
	if now.Before(earliest) {
		return finding{"clock", fails, now.Format(time.RFC3339) + " is in the past", "set the clock: ages of checkpoints and certificates depend on it"}
	}
	return finding{Check: "clock", Verdict: passes, Found: now.Format(time.RFC3339)}
}
