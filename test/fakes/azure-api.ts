import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import { closeServer, listenOnLoopback } from "./loopback-server.ts";

export interface AzureClient {
  readonly tenantId: string;
  readonly clientId: string;
  readonly secret: string;
}

/** A virtual machine as the resource API shows it. */
export interface FakeMachine {
  readonly vmId: string;
  readonly name: string;
  readonly computerName: string;
}

/**
 * In the clear, and all in one: tokens of the metadata service and of Entra, virtual machines of the resource API by the path
 * of their resource, and Microsoft's repository of certificates.
 */
export class AzureApi {
  readonly #server = createServer((request, response) => void this.#answer(request, response));
  readonly #client: AzureClient;
  readonly #tokens = new Set<string>();
  /** By resource id, in lower case. */
  readonly machines = new Map<string, FakeMachine>();
  /** DER by file name. */
  readonly certificates = new Map<string, Buffer>();
  /** Method and URL of what was asked. */
  readonly requests: string[] = [];
  /** Answered instead of anything else. */
  answer: ((response: ServerResponse) => void) | undefined;
  tokenLifetimeSeconds = 3600;

  constructor(client: AzureClient) {
    this.#client = client;
  }

  /** @returns its URL, without path. */
  async listen(): Promise<string> {
    return `http://${await listenOnLoopback(this.#server)}`;
  }

  close(): Promise<void> {
    return closeServer(this.#server);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "", "http://azure");
    const body = await text(request);
    this.requests.push(`${request.method} ${request.url}`);
    if (this.answer !== undefined) return this.answer(response);
    const origin = `http://${request.headers.host}`;
    if (url.pathname === "/metadata/identity/oauth2/token") {
      const isRight = request.headers["metadata"] === "true" && url.searchParams.get("resource") === `${origin}/`;
      // As the metadata service writes it: numbers are text.
      return this.#giveToken(response, isRight, `${this.tokenLifetimeSeconds}`);
    }
    if (url.pathname === `/${this.#client.tenantId}/oauth2/v2.0/token`) {
      const form = new URLSearchParams(body);
      const isRight =
        form.get("client_id") === this.#client.clientId &&
        form.get("client_secret") === this.#client.secret &&
        form.get("grant_type") === "client_credentials" &&
        form.get("scope") === `${origin}/.default`;
      return this.#giveToken(response, isRight, this.tokenLifetimeSeconds);
    }
    const certificate = this.certificates.get(url.pathname.replace(/^\/pkiops\/certs\//, ""));
    if (certificate !== undefined) return void response.end(certificate);
    if (!this.#tokens.has(request.headers.authorization?.replace(/^Bearer /, "") ?? ""))
      return void response.writeHead(401).end();
    const machine = this.machines.get(decodeURIComponent(url.pathname).toLowerCase());
    if (machine === undefined || !url.searchParams.has("api-version")) return void response.writeHead(404).end();
    const { vmId, name, computerName } = machine;
    response.end(
      JSON.stringify({
        name,
        id: url.pathname,
        properties: { vmId, osProfile: { computerName }, provisioningState: "Succeeded" },
      }),
    );
  }

  #giveToken(response: ServerResponse, isRight: boolean, lifetime: string | number): void {
    if (!isRight) return void response.writeHead(400).end();
    const token = `token-${this.#tokens.size}`;
    this.#tokens.add(token);
    response.end(JSON.stringify({ access_token: token, expires_in: lifetime, token_type: "Bearer" }));
  }
}
