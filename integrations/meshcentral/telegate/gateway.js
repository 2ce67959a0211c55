// The calls of telegate's API that the plugin makes. Nothing here throws past a promise, and nothing waits longer than `timeout`.
'use strict';

const fs = require('fs');
const http = require('http');
const https = require('https');

const TIMEOUT = 10000; // of a whole call, in milliseconds. MeshCentral's dialog for a code waits for it
const RETRY_AFTER = 1000; // before the second try, where the gateway did not answer the first
const MAX_ANSWER = 64 * 1024;

// Problem is why a call came to nothing: a sentence for people, and for programs the kind of the problem where the gateway
// answered at all (status 0: it did not).
class Problem extends Error {
  constructor(message, { status = 0, kind = '', reason = '', retryAfter = 0, messageId = '' } = {}) {
    super(message);
    Object.assign(this, { status, kind, reason, retryAfter, messageId });
  }
}

class Gateway {
  // url is http://…, https://… or unix:/path; ca the text of a PEM file for a certificate authority of one's own.
  constructor({ url, key, ca, timeout = TIMEOUT, retryAfter = RETRY_AFTER }) {
    this.url = url;
    this.timeout = timeout;
    this.retryAfter = retryAfter;
    this.headers = { Authorization: 'Bearer ' + key, Accept: 'application/json' };
    if (url.startsWith('unix:')) {
      this.client = http;
      this.target = { socketPath: url.slice('unix:'.length), host: 'telegate' };
      this.base = '';
      return;
    }
    const u = new URL(url); // throws where it is no URL
    if (u.protocol !== 'http:' && u.protocol !== 'https:') throw new TypeError('not an http, https or unix URL');
    this.client = u.protocol === 'https:' ? https : http;
    this.target = { host: u.hostname.replace(/^\[|\]$/g, ''), port: u.port || undefined, ca };
    this.base = u.pathname.replace(/\/+$/, '');
  }

  // call answers the JSON object of a successful call, null where it has no body, and rejects with a Problem. A call that the gateway
  // did not answer is made a second time; idempotencyKey lets it know that it is the same.
  async call(method, path, body, { wait = 0, idempotencyKey } = {}) {
    const deadline = Date.now() + this.timeout;
    try {
      return await this.once(method, path, body, wait, idempotencyKey, this.timeout);
    } catch (problem) {
      const left = deadline - Date.now() - this.retryAfter;
      if (problem.status !== 0 || left <= 0) throw problem;
      await new Promise((resolve) => setTimeout(resolve, this.retryAfter));
      return this.once(method, path, body, wait, idempotencyKey, left);
    }
  }

  once(method, path, body, wait, idempotencyKey, timeout) {
    return new Promise((resolve, reject) => {
      const data = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
      const headers = { ...this.headers };
      if (data) Object.assign(headers, { 'Content-Type': 'application/json', 'Content-Length': data.length });
      if (wait) headers.Prefer = 'wait=' + wait;
      if (idempotencyKey) headers['Idempotency-Key'] = idempotencyKey;

      let timer;
      const fail = (error) => {
        clearTimeout(timer);
        reject(error instanceof Problem ? error : new Problem(
          `telegate does not answer at ${this.url} (${error.code || error.message}); is it running, and is "url" right?`));
      };
      // A connection of its own for each call: a kept one that the gateway has closed would look like a failure.
      const request = this.client.request({ ...this.target, method, path: this.base + path, headers, agent: false }, (response) => {
        let size = 0;
        const chunks = [];
        response.on('data', (chunk) => {
          size += chunk.length;
          if (size > MAX_ANSWER) request.destroy(new Error('its answer is too long'));
          else chunks.push(chunk);
        });
        response.on('error', fail);
        response.on('aborted', () => fail(new Error('the answer broke off')));
        response.on('end', () => {
          clearTimeout(timer);
          try {
            resolve(answer(response, Buffer.concat(chunks).toString()));
          } catch (problem) {
            fail(problem);
          }
        });
      });
      timer = setTimeout(() => request.destroy(new Error('no answer in time')), timeout);
      request.on('error', fail);
      request.end(data);
    });
  }
}

// answer reads what the gateway has said.
function answer(response, text) {
  const status = response.statusCode;
  let body = null;
  try {
    if (text !== '') body = JSON.parse(text);
  } catch {
    // not telegate's words; the status says enough
  }
  if (status >= 200 && status < 300 && (text === '' || body !== null)) return body;
  if (body === null || typeof body.type !== 'string') {
    throw new Problem(`What answers at "url" is not telegate: HTTP ${status}.`, { status: status < 300 ? 502 : status });
  }
  let sentence = String(body.detail || body.title);
  for (const fault of body.errors || []) sentence += ` ${fault.pointer}: ${fault.detail}.`;
  if (body.start_url) sentence = sentence.replace('start_url', body.start_url);
  throw new Problem(sentence, {
    status, kind: body.type.replace(/^\/problems\//, ''), reason: body.reason || '', retryAfter: Number(body.retry_after) || 0,
    messageId: typeof body.message_id === 'string' ? body.message_id : '',
  });
}

// connect makes a Gateway of the table messaging.telegate in MeshCentral's config.json, whose keys MeshCentral has brought to lower
// case. It throws a sentence for the administrator.
function connect(table) {
  const read = (name) => {
    try {
      return fs.readFileSync(table[name], 'utf8').trim();
    } catch (error) {
      throw new Error(`messaging.telegate.${name} names a file that cannot be read (${error.code})`);
    }
  };
  const key = table.keyfile ? read('keyfile') : table.key;
  if (typeof key !== 'string' || key === '') throw new Error('messaging.telegate needs "key", which telegate meshcentral setup prints');
  try {
    return new Gateway({ url: String(table.url || 'http://127.0.0.1:8080'), key, ca: table.cafile ? read('cafile') : undefined });
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new Error('messaging.telegate.url must be like http://127.0.0.1:8080, https://telegate.example or unix:/run/telegate/api.sock');
  }
}

module.exports = { Gateway, Problem, connect };
