// Install builds the servers of Kubernetes that tests start, into .tools of this repository,
// unless they are there.
package main

import (
	"fmt"
	"os"

	"g2c/k8s/servers"
)

func main() {
	if err := servers.Install(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
