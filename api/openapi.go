package api

import (
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// openAPIConfig describes the whole API.
func openAPIConfig(version string) huma.Config {
	configureHuma()
	c := huma.DefaultConfig("telegate", version)
	c.Info.Description = "Links users of a server to their Telegram chats, checks sign-in codes and delivers messages. " +
		"Every error is a problem (RFC 9457). Its type is the address of a page that explains the error and what to do."
	c.Info.License = &huma.License{Name: "MIT", Identifier: "MIT"}
	c.Servers = []*huma.Server{{URL: "/", Description: "The address of this gateway"}}
	c.Tags = []*huma.Tag{
		{Name: "linking", Description: "Link users to Telegram chats"}, {Name: "second factor", Description: "Send and check sign-in codes"},
		{Name: "messages", Description: "Send messages and follow them"}, {Name: "administration", Description: "Look after the gateway"},
	}
	c.DocsPath, c.SchemasPath = "", ""
	c.CreateHooks = nil // no $schema members in answers
	c.RejectUnknownQueryParameters = true
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"key": {Type: "http", Scheme: "bearer", Description: "A key printed by: telegate key create"},
	}
	return c
}

// operation describes one endpoint.
func operation(method, path string, scope Scope, summary string) huma.Operation {
	words := strings.FieldsFunc(strings.TrimPrefix(path, "/v1"), func(r rune) bool { return strings.ContainsRune("/{}", r) })
	op := huma.Operation{
		OperationID: strings.ToLower(method) + "-" + strings.Join(words, "-"), Method: method, Path: path,
		Summary: summary, Tags: []string{tagOf(path)}, Description: "Works with any key.", DefaultStatus: successStatus(method, path),
		Metadata: map[string]any{"scope": scope}, Security: []map[string][]string{{"key": {}}},
		MaxBodyBytes: int64(bodyLimit(method, path)) + 1, // limitRequest checks the size; huma would refuse a body of exactly its limit
	}
	if scope != anyScope {
		op.Description = "Needs a key with the scope " + string(scope) + "."
		op.Security = []map[string][]string{{"key": {string(scope)}}}
	}
	if method == http.MethodPost {
		longest := maxIdempotencyKey
		op.Parameters = []*huma.Param{{
			Name: "Idempotency-Key", In: "header", Schema: &huma.Schema{Type: huma.TypeString, MaxLength: &longest},
			Description: "the same key with the same body within 24 h is answered what the first request was answered",
		}}
	}
	return op
}

// tagOf groups the endpoints as docs/api.md does.
func tagOf(path string) string {
	switch first, _, _ := strings.Cut(strings.TrimPrefix(path, "/v1/"), "/"); first {
	case "links", "messaging":
		return "linking"
	case "verifications":
		return "second factor"
	case "messages", "broadcasts":
		return "messages"
	default:
		return "administration"
	}
}

// successStatus is 201 for creating, 202 for queueing, 204 for deleting.
func successStatus(method, path string) int {
	switch {
	case method == http.MethodDelete:
		return http.StatusNoContent
	case method == http.MethodPost && (path == "/v1/messages" || path == "/v1/messages/{id}/resend" || path == broadcastsPath):
		return http.StatusAccepted
	case method == http.MethodPost && (path == "/v1/links" || path == "/v1/verifications"):
		return http.StatusCreated
	default:
		return http.StatusOK
	}
}

// completeOpenAPI adds what the Go types do not say: the list of problems, objects that can be null, the second status of two
// endpoints, the two formats of the login report, and the examples.
func completeOpenAPI(doc *huma.OpenAPI) {
	schemas := doc.Components.Schemas.Map()
	for _, slug := range slices.Sorted(maps.Keys(problemTypes)) {
		t := schemas["Problem"].Properties["type"]
		t.Enum = append(t.Enum, "/problems/"+slug)
	}
	for name, members := range map[string][]string{
		"Delivery": {"failure"}, "Message": {"failure"}, "MessageSummary": {"failure"}, "Messaging": {"link", "invitation"},
	} {
		for _, member := range members {
			object := schemas[name].Properties[member]
			schemas[name].Properties[member] = &huma.Schema{
				Description: object.Description, OneOf: []*huma.Schema{{Ref: object.Ref}, {Type: "null"}},
			}
		}
	}
	logins := doc.Paths[loginsPath].Get.Responses["200"]
	logins.Content = map[string]*huma.MediaType{
		"application/json": {Schema: doc.Components.Schemas.Schema(reflect.TypeFor[LoginList](), true, "")},
		csvType:            {Schema: &huma.Schema{Type: huma.TypeString}},
	}
	for path, meaning := range map[string]string{
		"/v1/messages": "An earlier message with the same dedupe_key", broadcastsPath: "After a dry run: nothing was stored",
	} {
		responses := doc.Paths[path].Post.Responses
		responses["200"] = &huma.Response{Description: meaning, Content: responses["202"].Content}
	}
	for _, s := range schemas {
		hidePatternDescriptions(s)
	}
	for _, path := range doc.Paths {
		for _, op := range []*huma.Operation{path.Get, path.Put, path.Post, path.Delete} {
			if op == nil {
				continue
			}
			describeProblems(op, op.Metadata["scope"].(Scope))
			describeExamples(op)
			for _, p := range op.Parameters {
				hidePatternDescriptions(p.Schema)
			}
		}
	}
}

// hidePatternDescriptions removes a member that is huma's own, not JSON Schema's. huma made its error texts of it when the
// operation was registered.
func hidePatternDescriptions(s *huma.Schema) {
	s.PatternDescription = ""
	for _, member := range s.Properties {
		hidePatternDescriptions(member)
	}
	if s.Items != nil {
		hidePatternDescriptions(s.Items)
	}
}
