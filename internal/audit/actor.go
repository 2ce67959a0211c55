package audit

import "context"

type actorKey struct{}

// By says who is behind what is done with a context; each entry that it writes names them. The rooms need not know: what they do
// is the same, whoever asks for it.
func By(ctx context.Context, actor string) context.Context {
	return context.WithValue(ctx, actorKey{}, actor)
}

// Actor is who is behind a context; empty where nobody has said so.
func Actor(ctx context.Context) string {
	actor, _ := ctx.Value(actorKey{}).(string)
	return actor
}

// AtConsole is the actor of what an administrator does in the console, signed in with a key.
func AtConsole(key string) string { return console + key }

const console = "console:"
