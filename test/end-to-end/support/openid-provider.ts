import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { createServer, request } from "node:https";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { exportJWK, generateKeyPair } from "jose";
import Provider from "oidc-provider";
import type { TlsIdentity } from "../../builders/tls-identity.ts";

const CLIENT_ID = "gatehouse";
const CLIENT_SECRET = "a secret between the provider and its client";
const REDIRECT_URI = "https://127.0.0.1/signed-in";
const MAXIMUM_STEPS = 12;

export interface OpenidProvider {
  readonly issuer: string;
  readonly clientId: string;
  /** Logs in as a person does, through the provider's pages, and exchanges the code for an ID token. */
  login(name: string): Promise<string>;
  close(): void;
}

/** A real OpenID provider on a free port. Its people are in the groups that `groupsOf` says. */
export async function startOpenidProvider(
  tls: TlsIdentity,
  groupsOf: (name: string) => readonly string[],
): Promise<OpenidProvider> {
  const { certificatePem: cert, privateKeyPem: key } = tls.serving;
  const server = createServer({ cert, key });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const issuer = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const { privateKey } = await generateKeyPair("RS256", { extractable: true });
  const provider = new Provider(issuer, {
    clients: [{ client_id: CLIENT_ID, client_secret: CLIENT_SECRET, redirect_uris: [REDIRECT_URI] }],
    claims: { openid: ["sub"], profile: ["groups", "email", "email_verified"] },
    conformIdTokenClaims: false,
    cookies: { keys: ["a key for cookies"] },
    findAccount: (_context: unknown, name: string) => ({
      accountId: name,
      claims: () => ({ sub: name, groups: groupsOf(name), email: `${name}@example.com`, email_verified: true }),
    }),
    jwks: { keys: [{ ...(await exportJWK(privateKey)), alg: "RS256", use: "sig", kid: "provider-key" }] },
    pkce: { required: () => false },
  });
  server.on("request", provider.callback());
  return {
    issuer,
    clientId: CLIENT_ID,
    login: (name) => new Browser(issuer, tls.caPem).login(name),
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** As much of a browser as a login needs: cookies, redirects and the one form on each page. */
class Browser {
  readonly #issuer: string;
  readonly #caPem: string;
  readonly #cookies = new Map<string, string>();

  constructor(issuer: string, caPem: string) {
    this.#issuer = issuer;
    this.#caPem = caPem;
  }

  async login(name: string): Promise<string> {
    const parameters = {
      client_id: CLIENT_ID,
      redirect_uri: REDIRECT_URI,
      response_type: "code",
      scope: "openid profile",
    };
    let page = await this.#open("GET", `/auth?${new URLSearchParams(parameters)}`);
    for (let step = 0; step < MAXIMUM_STEPS; step += 1) {
      const { location } = page.headers;
      if (location?.startsWith(REDIRECT_URI)) return this.#redeem(new URL(location).searchParams.get("code") ?? "");
      page = location === undefined ? await this.#fillIn(page, name) : await this.#open("GET", location);
    }
    throw new Error("the login did not end");
  }

  async #fillIn(page: IncomingMessage, name: string): Promise<IncomingMessage> {
    const html = await text(page);
    const [, action = ""] = /<form[^>]* action="([^"]+)"/.exec(html) ?? [];
    const [, prompt = ""] = /name="prompt" value="([^"]+)"/.exec(html) ?? [];
    if (action === "") throw new Error(`no form on the page: ${html}`);
    return this.#open("POST", action, { prompt, login: name, password: "any" });
  }

  async #redeem(code: string): Promise<string> {
    const form = { grant_type: "authorization_code", code, redirect_uri: REDIRECT_URI };
    const credentials = [CLIENT_ID, CLIENT_SECRET].map(encodeURIComponent).join(":");
    const authorization = `Basic ${Buffer.from(credentials).toString("base64")}`;
    const answer = await text(await this.#open("POST", "/token", form, { authorization }));
    const { id_token: token } = JSON.parse(answer) as { id_token?: string };
    if (token === undefined) throw new Error(`no ID token: ${answer}`);
    return token;
  }

  async #open(
    method: string,
    path: string,
    form?: Readonly<Record<string, string>>,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<IncomingMessage> {
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const type = form && { "content-type": "application/x-www-form-urlencoded" };
    const options = { method, ca: this.#caPem, agent: false, headers: { cookie, ...type, ...headers } } as const;
    const outgoing = request(new URL(path, this.#issuer), options);
    const answered = once(outgoing, "response") as Promise<[IncomingMessage]>;
    outgoing.end(form && new URLSearchParams(form).toString());
    const [answer] = await answered;
    for (const line of answer.headers["set-cookie"] ?? []) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      this.#cookies.set(name, value);
    }
    return answer;
  }
}
