package allreduce_test

import (
	"testing"

	"g2c/worker/allreduce/allreducetest"
)

func TestPipes(t *testing.T) { allreducetest.Run(t, allreducetest.Pipes) }
