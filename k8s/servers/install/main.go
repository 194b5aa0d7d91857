// Install builds the servers of Kubernetes that tests start, into .tools of this repository,
// unless they are there; with -kueue, Kueue too.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"

	"g2c/k8s/servers"
)

func main() {
	kueue := flag.Bool("kueue", false, "build Kueue, too")
	flag.Parse()
	err := servers.Install()
	if *kueue {
		err = errors.Join(err, servers.InstallKueue())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
