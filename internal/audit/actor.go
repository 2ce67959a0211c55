package audit

import "context"

type actorKey struct{}

// By sets the actor of a context; each audit entry written with it names the actor.
func By(ctx context.Context, actor string) context.Context {
	return context.WithValue(ctx, actorKey{}, actor)
}

// Actor is the actor of a context; empty if none is set.
func Actor(ctx context.Context) string {
	actor, _ := ctx.Value(actorKey{}).(string)
	return actor
}

// AtConsole is the actor of an administrator who is signed in to the console with a key.
func AtConsole(key string) string { return console + key }

const console = "console:"
