// Package cluster runs a cluster of real processes on loopback and does to it what
// happens to clusters: leaders are killed, disks are lost, networks part, workers
// hang, and whoever likes sends whatever they like. Nothing may be lost, nothing may
// be done twice, and what clients saw must fit one order of events.
package cluster
