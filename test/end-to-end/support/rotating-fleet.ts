import { randomInt, X509Certificate } from "node:crypto";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { setTimeout as pause } from "node:timers/promises";
import { connect, createServer, type Server } from "node:tls";
import { HttpsClient, readKubeconfig } from "./https-client.ts";
import { KubeletClient, type NodeCertificate } from "./kubelet-client.ts";

const DOMAIN = "fleet.test";
const JOINING_AT_ONCE = 8;
const PAIRS_AT_ONCE = 4;
/** Both ends are in this process, which may stand still for a while on a busy machine. */
const HANDSHAKE_LIMIT_MILLISECONDS = 90_000;
/** Node's codes of handshakes that came to nothing because somebody was not trusted, or not valid. */
const TLS_CODE = /^(ERR_SSL|ERR_TLS|EPROTO|CERT_|UNABLE_|DEPTH_|SELF_SIGNED|INVALID_|HOSTNAME)/;

export interface FleetOptions {
  readonly size: number;
  /** Where the server is and how a node bootstraps. */
  readonly bootstrapKubeconfig: string;
  /** How long certificates live, as this machine's clock has it. */
  readonly lifetimeMilliseconds: number;
  /** How often a node looks for a new trust bundle. */
  readonly pollMilliseconds: number;
}

/** What happened so far. */
export interface FleetCounts {
  readonly pairHandshakes: number;
  readonly serverHandshakes: number;
  readonly renewals: number;
  readonly bundles: number;
  /** Calls that were cut off since the server was away. */
  readonly interruptions: number;
  readonly failures: readonly string[];
}

type MutableCounts = { -readonly [Key in keyof FleetCounts]: FleetCounts[Key] extends number ? number : string[] };

/**
 * Nodes as kubelets are: each has a client and a serving certificate, renews both by itself long before they end, keeps the
 * trust bundle that it fetched last, and serves TLS that asks for client certificates. Meanwhile pairs of them, and each with the
 * server, make new connections all the time; each side verifies the other with its own bundle.
 */
export class RotatingFleet {
  readonly #options: FleetOptions;
  readonly #counts: MutableCounts = {
    ...{ pairHandshakes: 0, serverHandshakes: 0, renewals: 0, bundles: 0, interruptions: 0 },
    failures: [],
  };
  readonly #loops: Promise<void>[] = [];
  #members: readonly Member[] = [];
  #isRunning = true;

  private constructor(options: FleetOptions) {
    this.#options = options;
  }

  /** Every node joins and has both of its certificates. */
  static async join(options: FleetOptions): Promise<RotatingFleet> {
    const fleet = new RotatingFleet(options);
    const members = Array.from({ length: options.size }, (_, index) => new Member(`fleet-${index}`, options));
    const waiting = [...members];
    const lane = async (): Promise<void> => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await next.join();
    };
    await Promise.all(Array.from({ length: JOINING_AT_ONCE }, lane));
    fleet.#members = members;
    return fleet;
  }

  get counts(): FleetCounts {
    return this.#counts;
  }

  get members(): readonly Member[] {
    return this.#members;
  }

  /** Lives from now on. */
  run(): void {
    for (const member of this.#members) this.#loops.push(this.#renewing(member), this.#polling(member));
    for (let lane = 0; lane < PAIRS_AT_ONCE; lane += 1) this.#loops.push(this.#pairing());
  }

  /** The server is at another address. */
  moveTo(url: string): void {
    for (const member of this.#members) member.url = url;
  }

  /** Whether every node's certificates were signed by an issuer, PEM. */
  isOn(issuerPem: string): boolean {
    const issuer = new X509Certificate(issuerPem);
    return this.#members.every((member) =>
      member.certificates.every((pem) => new X509Certificate(pem).verify(issuer.publicKey)),
    );
  }

  /** Whether every certificate lives that much longer. */
  lasts(seconds: number): boolean {
    const until = Date.now() + seconds * 1000;
    const ends = this.#members.flatMap(({ certificates }) =>
      certificates.map((pem) => new X509Certificate(pem).validToDate),
    );
    return ends.every((end) => end.getTime() > until);
  }

  /** How many nodes hold a bundle of that text. */
  holding(bundlePem: string): number {
    return this.#members.filter((member) => member.bundlePem === bundlePem).length;
  }

  async stop(): Promise<void> {
    this.#isRunning = false;
    await Promise.all(this.#loops);
    for (const member of this.#members) member.close();
  }

  async #renewing(member: Member): Promise<void> {
    const { lifetimeMilliseconds: lifetime } = this.#options;
    while (this.#isRunning) {
      await this.#sleep(randomInt(Math.ceil(lifetime * 0.15), Math.ceil(lifetime * 0.3)));
      while (this.#isRunning && !(await this.#attempt(() => member.renew()))) await this.#sleep(200);
      this.#counts.renewals += 1;
    }
  }

  async #polling(member: Member): Promise<void> {
    const { pollMilliseconds } = this.#options;
    while (this.#isRunning) {
      await this.#sleep(randomInt(Math.ceil(pollMilliseconds / 2), pollMilliseconds));
      await this.#attempt(async () => {
        if (await member.fetchBundle()) this.#counts.bundles += 1;
        this.#counts.serverHandshakes += 1;
      });
    }
  }

  async #pairing(): Promise<void> {
    while (this.#isRunning) {
      const [from, to] = [this.#any(), this.#any()];
      if (from === to) continue;
      try {
        await from.greet(to);
        this.#counts.pairHandshakes += 1;
      } catch (error) {
        this.#counts.failures.push(`${from.name} -> ${to.name}: ${describe(error)}`);
      }
    }
  }

  #any(): Member {
    const member = this.#members[randomInt(this.#members.length)];
    if (member === undefined) throw new Error("the fleet is empty");
    return member;
  }

  /** A server that is away is waited for; whoever is not trusted is a failure. */
  async #attempt(work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      const { code = "" } = error as NodeJS.ErrnoException;
      if (TLS_CODE.test(code)) this.#counts.failures.push(`with the server: ${describe(error)}`);
      else this.#counts.interruptions += 1;
      return false;
    }
  }

  async #sleep(milliseconds: number): Promise<void> {
    const end = Date.now() + milliseconds;
    while (this.#isRunning && Date.now() < end) await pause(Math.min(100, Math.max(1, end - Date.now())));
  }
}

/** One node. */
class Member {
  readonly name: string;
  url: string;
  bundlePem: string;
  /** It does not show what it holds while this is set. */
  isSilent = false;
  readonly #token: string | undefined;
  #etag: string | undefined;
  #client: NodeCertificate | undefined;
  #serving: NodeCertificate | undefined;
  #server: Server | undefined;
  #port = 0;
  readonly #onRefused: string[] = [];

  constructor(name: string, { bootstrapKubeconfig }: FleetOptions) {
    const { url, credentials } = readKubeconfig(bootstrapKubeconfig);
    this.name = name;
    this.url = url;
    this.bundlePem = credentials.caPem;
    this.#token = credentials.token;
  }

  get certificates(): readonly string[] {
    return [this.#client, this.#serving].flatMap((one) => (one === undefined ? [] : [one.certificatePem]));
  }

  async join(): Promise<void> {
    const bootstrap = this.#kubelet({ ...(this.#token !== undefined && { token: this.#token }) });
    this.#client = await bootstrap.bootstrap().finally(() => bootstrap.close());
    this.#serving = await this.#newServing();
    this.#server = createServer({ ...this.#context(this.#serving), requestCert: true, rejectUnauthorized: true });
    this.#server.on("secureConnection", (socket) => socket.on("error", () => undefined).end(this.name));
    this.#server.on("tlsClientError", (error) => this.#onRefused.push(describe(error)));
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  /** Both certificates, the client's first, as a kubelet does. */
  async renew(): Promise<void> {
    const kubelet = this.#kubelet(this.#clientPair());
    try {
      this.#client = await kubelet.waitFor(await kubelet.submit());
    } finally {
      kubelet.close();
    }
    this.#serving = await this.#newServing();
    this.#apply();
  }

  /** Names the bundle it holds. @returns whether there was another one. */
  async fetchBundle(): Promise<boolean> {
    const https = new HttpsClient(this.url, { caPem: this.bundlePem, ...this.#clientPair() });
    try {
      const headers = { ...(this.#etag !== undefined && !this.isSilent && { "if-none-match": this.#etag }) };
      const answer = await https.send("GET", "/v1/trust-bundle", { headers });
      if (answer.status === 304) return false;
      if (answer.status !== 200) throw new Error(`the trust bundle: ${answer.status}`);
      this.#etag = answer.headers.etag;
      const bundlePem = answer.body.toString();
      const isOther = bundlePem !== this.bundlePem;
      this.bundlePem = bundlePem;
      this.#apply();
      return isOther;
    } finally {
      https.close();
    }
  }

  /** A new connection to another node, on which each has verified the other. */
  async greet(other: Member): Promise<void> {
    const servername = `${other.name}.${DOMAIN}`;
    const socket = connect({ host: "127.0.0.1", port: other.#port, servername, ...this.#context(this.#client) });
    socket.setTimeout(HANDSHAKE_LIMIT_MILLISECONDS, () => socket.destroy(new Error("no answer")));
    // With TLS 1.3 a client is done before the server has judged it: what the server says shows that it did.
    const said = (await buffer(socket)).toString();
    if (said === other.name) return;
    const ends = new X509Certificate(this.#client?.certificatePem ?? "").validTo;
    throw new Error(
      `${other.name} said "${said}", it saw ${other.#onRefused.at(-1)}; the caller's certificate ends ${ends}`,
    );
  }

  close(): void {
    this.#server?.close();
  }

  #apply(): void {
    this.#server?.setSecureContext(this.#context(this.#serving));
  }

  #context(certificate: NodeCertificate | undefined) {
    return { ca: this.bundlePem, cert: certificate?.certificatePem, key: certificate?.privateKeyPem };
  }

  #clientPair() {
    if (this.#client === undefined) throw new Error(`${this.name} has not joined`);
    const { certificatePem, privateKeyPem } = this.#client;
    return { certificatePem, privateKeyPem };
  }

  async #newServing(): Promise<NodeCertificate> {
    const kubelet = this.#kubelet(this.#clientPair());
    try {
      return await kubelet.waitFor(
        await kubelet.submitServing({ dnsNames: [`${this.name}.${DOMAIN}`], ipAddresses: [] }),
      );
    } finally {
      kubelet.close();
    }
  }

  #kubelet(credentials: {
    readonly token?: string;
    readonly certificatePem?: string;
    readonly privateKeyPem?: string;
  }) {
    const { url, name: nodeName, bundlePem: caPem } = this;
    return new KubeletClient({ url, nodeName, credentials: { caPem, ...credentials }, rotateCertificates: true });
  }
}

function describe(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return code === undefined ? message : `${code}: ${message}`;
}
