// An OpenID issuer by somebody else (oauth2-mock-server), led through its standard input: one JSON object a line, one
// line back for each. Ends with its input.
//
//   {"key": "RS256"}                              makes a key; says its `kid`
//   {"token": {..claims}, "kid": ".."}            signs claims; `null` takes one of the usual claims out
//   {"forge": "none" | "unsigned" | "hs256" | "other key" | "own key", "claims": {..}, "kid": ".."}
//   {"restart": true}                             comes back at the same place with a new key and no other
import { createHmac, createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import { createInterface } from 'node:readline';
import { OAuth2Server } from 'oauth2-mock-server';

let server;

async function start(port) {
  server = new OAuth2Server();
  await server.issuer.keys.generate('RS256');
  await server.start(port, '127.0.0.1');
  server.issuer.url = `http://127.0.0.1:${server.address().port}`;
  return { url: server.issuer.url, kid: server.issuer.keys.toJSON()[0].kid };
}

const usual = () => {
  const now = Math.floor(Date.now() / 1000);
  return { iss: server.issuer.url, aud: 'holdfast', iat: now, nbf: now, exp: now + 60 };
};

const merged = (claims) =>
  Object.fromEntries(Object.entries({ ...usual(), ...claims }).filter(([, value]) => value !== null));

const token = (claims, kid) =>
  server.issuer.buildToken({
    kid,
    scopesOrTransform: (_header, payload) => {
      for (const name of Object.keys(payload)) delete payload[name];
      Object.assign(payload, merged(claims));
    },
  });

function forge(how, claims, kid) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const head = (alg, more) => `${part({ alg, typ: 'JWT', kid, ...more })}.${part(merged(claims))}`;
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const rs256 = (text) => `${text}.${sign('sha256', Buffer.from(text), privateKey).toString('base64url')}`;
  switch (how) {
    case 'none':
      return `${head('none')}.`;
    case 'unsigned':
      return `${head('RS256')}.`;
    case 'hs256': {
      // The public half, which everybody has, as a shared secret.
      const jwk = server.issuer.keys.toJSON().find((key) => key.kid === kid);
      const secret = createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' });
      const text = head('HS256');
      return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
    }
    case 'other key':
      return rs256(head('RS256'));
    case 'own key':
      // A key that comes along in the header.
      return rs256(head('RS256', { jwk: createPublicKey(privateKey).export({ format: 'jwk' }) }));
    default:
      throw new Error(how);
  }
}

async function act(order) {
  if (order.key) return { kid: (await server.issuer.keys.generate(order.key)).kid };
  if (order.token) return { token: await token(order.token, order.kid) };
  if (order.forge) return { token: forge(order.forge, order.claims, order.kid) };
  if (order.restart) {
    const { port } = server.address();
    await server.stop();
    return start(port);
  }
  throw new Error(JSON.stringify(order));
}

console.log(JSON.stringify(await start(0)));
for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await act(JSON.parse(line))));
}
process.exit(0);
