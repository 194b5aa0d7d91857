// Command build writes an image of g2c as an OCI layout, and prints its digest.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"

	"g2c/k8s/image"
)

func main() {
	i := image.Image{}
	out := flag.String("o", "", "folder that the layout is written to")
	flag.StringVar(&i.Program, "program", "", "file of the program")
	flag.StringVar(&i.CA, "ca", "", "file of trusted certificates in PEM; without one those of the base")
	flag.StringVar(&i.Base, "base", "", "folder of an OCI layout that the program is laid upon; without one nothing")
	flag.StringVar(&i.Arch, "arch", runtime.GOARCH, "architecture of the program, as Go names it")
	flag.StringVar(&i.Tag, "tag", "", "name of the image in the layout")
	flag.Func("env", "NAME=VALUE of the container, again for more", func(v string) error {
		i.Env = append(i.Env, v)
		return nil
	})
	flag.Parse()
	if *out == "" || i.Program == "" || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	digest, err := image.Write(*out, i)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(digest)
}
