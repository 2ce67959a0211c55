// Links a user, verifies a sign-in code and sends a message, with the types generated from /openapi.json.
// The test reads a line from here when the person has something to do, and answers with the code that the phone shows.
import createClient from 'openapi-fetch'
import type { paths } from './generated.js'

declare const process: { env: Record<string, string>, stdin: AsyncIterable<unknown>, stdout: { write(text: string): void } }

const gateway = createClient<paths>({ baseUrl: process.env.GATEWAY, headers: { Authorization: `Bearer ${process.env.KEY}` } })
const input = process.stdin[Symbol.asyncIterator]()
async function code(request: string): Promise<string> {
  process.stdout.write(request + '\n')
  return String((await input.next()).value).trim()
}
function must<T>(answer: { data?: T, error?: { type: string } }): T {
  if (answer.data === undefined) throw new Error(answer.error?.type ?? 'no data')
  return answer.data
}

const user = 'user//alice'
const link = must(await gateway.POST('/v1/links', { body: { user } }))
const confirmed = must(await gateway.POST('/v1/links/{id}/confirm', {
  params: { path: { id: link.id } }, body: { code: await code(`link ${link.start_url}`) },
}))
if (!confirmed.verified) throw new Error(confirmed.result)

const verification = must(await gateway.POST('/v1/verifications', { body: { user, purpose: 'login', session_binding: 's1' } }))
const checked = must(await gateway.POST('/v1/verifications/{id}/check', {
  params: { path: { id: verification.id } }, body: { code: await code('verify'), session_binding: 's1' },
}))
if (!checked.approved) throw new Error(checked.result)

const sent = must(await gateway.POST('/v1/messages', { body: { user, text: 'Hello from a client' } }))
const message = must(await gateway.GET('/v1/messages/{id}', { params: { path: { id: sent.id }, header: { Prefer: 'wait=10' } } }))
const missing = await gateway.GET('/v1/messages/{id}', { params: { path: { id: 'msg_none' } } })
process.stdout.write(`done ${message.status} ${missing.error?.type}\n`)
