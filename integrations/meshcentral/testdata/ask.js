// Opens MeshCentral's web socket as a program does, sends messages, and prints the answers to them, a line each.
'use strict';

const [home, url, user, password, ...messages] = process.argv.slice(2);
const WebSocket = require(home + '/node_modules/ws');

const name = [user, password].map((text) => Buffer.from(text).toString('base64')).join(',');
const socket = new WebSocket(url + 'control.ashx', { rejectUnauthorized: false, headers: { 'x-meshauth': name } });
let left = messages.length;
socket.on('message', (data) => {
  const message = JSON.parse(data);
  if (message.action === 'userinfo') for (const text of messages) socket.send(text);
  if (!['plugin', 'verifyMessaging'].includes(message.action)) return;
  console.log(JSON.stringify(message));
  if (--left === 0) process.exit(0);
});
socket.on('close', () => process.exit(1));
setTimeout(() => process.exit(1), 60000);
