package delivery

import "context"

type requestKey struct{}

// WithRequest sets the request that the work belongs to. Its id is in the log and in every message that the work makes.
func WithRequest(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestKey{}, id)
}

// Request is the id of that request; empty if there is none.
func Request(ctx context.Context) string {
	id, _ := ctx.Value(requestKey{}).(string)
	return id
}
