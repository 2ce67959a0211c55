//go:build !unix

package api

// maxConnections is how many connections the API serves at a time.
func maxConnections() int { return mostConnections }
