// Package grpclink carries the links of an exchange of gradients (worker/allreduce) over
// gRPC: a stream a link, and raw frames in its messages.
//
// It opens no port and makes no connection: a worker registers a Server on its own
// grpc.Server, and dials over its own connections. Who may speak to whom is the business
// of their credentials, and of Server.Allow.
//
// A message is a header and elements as they lie in memory (allreduce.HeaderBytes draws
// it), under a codec of its own. Elements are not copied on their way out, and are added
// or copied once from the buffers that they were received in.
package grpclink
