// Install builds the servers of S3 that tests start, into .tools of this repository, unless
// they are there.
package main

import (
	"fmt"
	"os"

	"g2c/checkpoint/s3store/s3test"
)

func main() {
	for _, k := range s3test.Kinds() {
		if err := k.Install(); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", k.Name, err)
			os.Exit(1)
		}
	}
}
