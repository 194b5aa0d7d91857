package main

import (
	"os"
	"strings"

	"github.com/spf13/cobra"

	"g2c/api/client"
	"g2c/internal/pki"
	"g2c/internal/pki/grpctls"
)

// clientFlags are those of verbs that call a cluster.
type clientFlags struct {
	server, certs, token string
}

// add defines the flags; the environment stands in for those that are not given.
func (f *clientFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.server, "server", os.Getenv("G2C_SERVER"), "host:port of coordinators, with commas between them (G2C_SERVER)")
	c.Flags().StringVar(&f.certs, "certs", os.Getenv("G2C_CERTS"), "folder of your certificate (G2C_CERTS); without one, loopback alone")
	c.Flags().StringVar(&f.token, "token", os.Getenv("G2C_TOKEN"), "your token, or @FILE that holds it (G2C_TOKEN)")
	c.Flags().Lookup("token").DefValue = "" // which --help would print
}

// dial makes the client. Connections are made by the first call.
func (f *clientFlags) dial() (*client.Client, error) {
	cfg := client.DefaultConfig()
	cfg.Waiting = func(err error) { say("no answer yet from %s, still trying: %v", f.server, err) }
	for s := range strings.SplitSeq(f.server, ",") {
		if s = strings.TrimSpace(s); s != "" {
			cfg.Servers = append(cfg.Servers, s)
		}
	}
	cfg.Proxy = proxyOf
	var err error
	if cfg.Token, err = readToken(f.token); err != nil {
		return nil, err
	}
	if f.certs != "" {
		id, err := pki.Load(f.certs)
		if err != nil {
			return nil, err
		}
		cfg.Credentials = grpctls.Client(id, pki.Expect{Role: pki.Coordinator})
	}
	return client.New(cfg)
}

// call makes a verb's body of a function that calls a cluster.
func (f *clientFlags) call(do func(c *cobra.Command, cluster *client.Client, args []string) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) (err error) {
		cluster, err := f.dial()
		if err != nil {
			return err
		}
		defer func() {
			if e := cluster.Close(); err == nil {
				err = e
			}
		}()
		return do(c, cluster, args)
	}
}
