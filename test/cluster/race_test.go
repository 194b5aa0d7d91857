//go:build race

package cluster

// raced has the program watched for races as well.
const raced = true
