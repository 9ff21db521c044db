import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { Agent, request } from "node:https";
import { join } from "node:path";
import type { Gatehouse } from "../servers/gatehouse.ts";

const REQUESTS = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
/** What kubectl asks for at a time. */
const PAGE = 500;

/** An administrator who lists requests as kubectl does, and reads one of them, in turns. */
export class AdminCommands {
  readonly #agent: Agent;
  readonly #url: string;
  #name: string | undefined;
  #turn = 0;

  constructor({ url, caPem, dataDirectory }: Pick<Gatehouse, "url" | "caPem" | "dataDirectory">) {
    const kubeconfig = readFileSync(join(dataDirectory, "admin.kubeconfig"), "utf8");
    const cert = dataIn(kubeconfig, "client-certificate-data");
    const key = dataIn(kubeconfig, "client-key-data");
    this.#agent = new Agent({ ca: caPem, cert, key, keepAlive: true, maxSockets: 1 });
    this.#url = url;
  }

  /** @returns how long the next command took, in milliseconds. @throws {Error} when it was refused. */
  async next(): Promise<number> {
    this.#turn += 1;
    const started = performance.now();
    if (this.#name !== undefined && this.#turn % 2 === 0) await this.#get(`${REQUESTS}/${this.#name}`);
    else {
      const { items } = JSON.parse(await this.#get(`${REQUESTS}?limit=${PAGE}`)) as {
        items: readonly { readonly metadata: { readonly name: string } }[];
      };
      this.#name = items[0]?.metadata.name;
    }
    return performance.now() - started;
  }

  close(): void {
    this.#agent.destroy();
  }

  async #get(path: string): Promise<string> {
    const outgoing = request(new URL(path, this.#url), { agent: this.#agent, headers: { accept: "application/json" } });
    outgoing.end();
    const [answer] = (await once(outgoing, "response")) as [IncomingMessage];
    const chunks: Buffer[] = [];
    for await (const chunk of answer as AsyncIterable<Buffer>) chunks.push(chunk);
    if (answer.statusCode !== 200) throw new Error(`GET ${path} was answered HTTP ${answer.statusCode}`);
    return Buffer.concat(chunks).toString("utf8");
  }
}

function dataIn(kubeconfig: string, key: string): string {
  const [, base64 = ""] = new RegExp(`${key}: *["']?([A-Za-z0-9+/=]+)`).exec(kubeconfig) ?? [];
  return Buffer.from(base64, "base64").toString("utf8");
}
