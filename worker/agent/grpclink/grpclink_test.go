package grpclink_test

import (
	"testing"

	"g2c/worker/agent/grpclink/linktest"
	"g2c/worker/allreduce/allreducetest"
)

func TestLinks(t *testing.T) { allreducetest.Run(t, linktest.Connect) }
