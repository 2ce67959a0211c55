package delivery

import "context"

type requestKey struct{}

// WithRequest says which request the work belongs to. Its id stands in the log and goes with every message that the work makes.
func WithRequest(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestKey{}, id)
}

// Request is the id of the request that the work belongs to; empty for none.
func Request(ctx context.Context) string {
	id, _ := ctx.Value(requestKey{}).(string)
	return id
}
