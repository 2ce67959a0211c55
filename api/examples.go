package api

import (
	"embed"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// exampleFiles has the examples of each operation, in one file by its operation id. docs/api.md shows the same calls and answers,
// and a test sends each request.
//
//go:embed examples/*.json
var exampleFiles embed.FS

// example is a call and its answer. Ids are shorter than real ones.
type example struct {
	Title   string          `json:"title"`
	Request string          `json:"request"` // method, path and query
	Body    json.RawMessage `json:"body,omitempty"`
	Status  int             `json:"status"`
	Answer  json.RawMessage `json:"answer,omitempty"`
}

// readExamples reads the examples of an operation.
func readExamples(operationID string) ([]example, error) {
	data, err := exampleFiles.ReadFile("examples/" + operationID + ".json")
	if err != nil {
		return nil, fmt.Errorf("examples of the operation: %w", err)
	}
	var list []example
	if err := json.Unmarshal(data, &list); err != nil {
		return nil, fmt.Errorf("api/examples/%s.json: %w", operationID, err)
	}
	return list, nil
}

// describeExamples adds its examples to an operation.
func describeExamples(op *huma.Operation) {
	list, err := readExamples(op.OperationID)
	if err != nil {
		panic(err) // the files are part of the program
	}
	op.Responses = maps.Clone(op.Responses)
	for _, e := range list {
		if e.Body != nil {
			addExample(op.RequestBody.Content["application/json"], e.Title, e.Body)
		}
		describeParameters(op, e.Request)
		if e.Answer != nil {
			addExample(ownContent(op, e.Status), e.Title, e.Answer)
		}
	}
}

// ownContent is the content of an answer, which responses share until then.
func ownContent(op *huma.Operation, status int) *huma.MediaType {
	r := *op.Responses[strconv.Itoa(status)]
	name := "application/json"
	if status >= http.StatusBadRequest {
		name = "application/problem+json"
	}
	r.Content = maps.Clone(r.Content)
	content := *r.Content[name]
	content.Examples = maps.Clone(content.Examples)
	r.Content[name] = &content
	op.Responses[strconv.Itoa(status)] = &r
	return &content
}

func addExample(to *huma.MediaType, title string, value json.RawMessage) {
	if to.Examples == nil {
		to.Examples = map[string]*huma.Example{}
	}
	to.Examples[strings.ReplaceAll(strings.ToLower(title), " ", "-")] = &huma.Example{Summary: title, Value: value}
}

// describeParameters takes examples of the parameters from a request. The first example of a parameter counts.
func describeParameters(op *huma.Operation, request string) {
	_, target, _ := strings.Cut(request, " ")
	u, err := url.Parse(target)
	if err != nil {
		panic(fmt.Errorf("api/examples/%s.json: %w", op.OperationID, err))
	}
	parts := strings.Split(u.Path, "/")
	for _, p := range op.Parameters {
		value := u.Query().Get(p.Name)
		for i, part := range strings.Split(op.Path, "/") {
			if p.In == "path" && part == "{"+p.Name+"}" {
				value = parts[i]
			}
		}
		if value == "" || p.Example != nil {
			continue
		}
		p.Example = value
		if n, err := strconv.Atoi(value); err == nil && p.Schema.Type == huma.TypeInteger {
			p.Example = n
		}
	}
}
