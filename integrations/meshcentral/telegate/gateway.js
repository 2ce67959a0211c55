// The plugin's calls of telegate's API. Errors only reject promises, and no call takes longer than `timeout`.
'use strict';

const fs = require('fs');
const http = require('http');
const https = require('https');

const TIMEOUT = 10000; // of a whole call, in milliseconds. MeshCentral's code dialog waits for it
const RETRY_AFTER = 1000; // milliseconds before the second try, if the gateway did not answer the first
const MAX_ANSWER = 64 * 1024;

// Problem is a failed call: a sentence for people, and the kind of the problem for programs. Status 0: the gateway did not answer.
class Problem extends Error {
  constructor(message, { status = 0, kind = '', reason = '', retryAfter = 0, messageId = '', requiredScope = '' } = {}) {
    super(message);
    Object.assign(this, { status, kind, reason, retryAfter, messageId, requiredScope });
  }
}

class Gateway {
  // url is http://…, https://… or unix:/path; ca is the text of a PEM file with your own certificate authority.
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
    const u = new URL(url); // throws if it is not a URL
    if (u.protocol !== 'http:' && u.protocol !== 'https:') throw new TypeError('not an http, https or unix URL');
    this.client = u.protocol === 'https:' ? https : http;
    this.target = { host: u.hostname.replace(/^\[|\]$/g, ''), port: u.port || undefined, ca };
    this.base = u.pathname.replace(/\/+$/, '');
    this.readable = u.protocol === 'http:' && !/^(localhost|127\.[0-9.]+|::1)$/.test(this.target.host); // by everybody on the way
  }

  // call returns the JSON object of a successful call, null without a body, and rejects with a Problem. It repeats a call once if the
  // gateway did not answer; idempotencyKey marks the repetition.
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
      // A new connection for each call: a reused one that the gateway has closed would look like a failure.
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

// answer reads the gateway's answer.
function answer(response, text) {
  const status = response.statusCode;
  let body = null;
  try {
    if (text !== '') body = JSON.parse(text);
  } catch {
    // not an answer of telegate; the status is enough
  }
  if (typeof body !== 'object' || Array.isArray(body)) body = null; // telegate answers with objects only
  if (status >= 200 && status < 300 && (text === '' || body !== null)) return body;
  if (body === null || typeof body.type !== 'string') {
    throw new Problem(`What answers at "url" is not telegate: HTTP ${status}.`, { status: status < 300 ? 502 : status });
  }
  let sentence = String(body.detail || body.title);
  for (const fault of Array.isArray(body.errors) ? body.errors : []) sentence += ` ${fault.pointer}: ${fault.detail}.`;
  if (body.start_url) sentence = sentence.replace('the bot in Telegram', body.start_url);
  throw new Problem(sentence, {
    status, kind: body.type.replace(/^\/problems\//, ''), reason: body.reason || '', retryAfter: Number(body.retry_after) || 0,
    messageId: typeof body.message_id === 'string' ? body.message_id : '', requiredScope: body.required_scope || '',
  });
}

// connect makes a Gateway from messaging.telegate in MeshCentral's config.json; MeshCentral changes all keys to lower case. It throws
// a sentence for the administrator.
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
