import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type ServerHttp2Session } from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";

const POLL_MILLISECONDS = 100;
const LIMIT_MILLISECONDS = 60_000;
/** A file that is still being written does not end like this. */
const KEY_AT_END = /-----END [A-Z ]*PRIVATE KEY-----\n$/;
/** Nothing listens before a container runtime was found, so this is never bound. */
const UNUSED_PORT = 31250;

export interface RealKubeletOptions {
  readonly kubelet: string;
  readonly bootstrapKubeconfig: string;
  readonly nodeName: string;
  readonly rotateCertificates: boolean;
}

/**
 * A machine with a kubelet on it, everything of which lies in one temporary directory. Its container runtime takes
 * calls and never answers, which holds the kubelet up long enough to get a certificate.
 */
export class KubeletMachine {
  readonly #options: RealKubeletOptions;
  readonly #directory = mkdtempSync(join(tmpdir(), "gatehouse-kubelet-"));
  readonly #runtime = createServer();
  readonly #sessions = new Set<ServerHttp2Session>();
  #running: ChildProcess | undefined;
  #log = "";

  constructor(options: RealKubeletOptions) {
    this.#options = options;
    mkdirSync(this.#path("pki"));
    writeFileSync(this.#path("config.yaml"), this.#configuration());
    // What it is asked never gets an answer; a killed kubelet's connections end in errors.
    this.#runtime.on("stream", (stream) => stream.on("error", () => stream.close()));
    this.#runtime.on("session", (session) => this.#sessions.add(session.on("error", () => session.destroy())));
    this.#runtime.listen(this.#path("runtime.sock"));
  }

  /** Where kubelets keep the certificate and key they use. */
  get currentFile(): string {
    return this.#path("pki", "kubelet-client-current.pem");
  }

  start(): void {
    const { kubelet, bootstrapKubeconfig, nodeName } = this.#options;
    const flags = [
      ...["--config", this.#path("config.yaml"), "--hostname-override", nodeName],
      ...["--bootstrap-kubeconfig", bootstrapKubeconfig, "--kubeconfig", this.#path("kubelet.kubeconfig")],
      ...["--cert-dir", this.#path("pki"), "--root-dir", this.#path("root")],
    ];
    const running = spawn(kubelet, flags, { stdio: ["ignore", "ignore", "pipe"] });
    running.stderr.setEncoding("utf8").on("data", (chunk: string) => {
      this.#log += chunk;
    });
    this.#running = running;
  }

  /**
   * Waits for certificate and key on disk; the certificate comes first.
   *
   * @param previous - what the file held before and does not count any more.
   */
  async certificate(previous?: string): Promise<string> {
    const content = (): string => (existsSync(this.currentFile) ? readFileSync(this.currentFile, "utf8") : "");
    await this.#until("a certificate on disk", () => content() !== previous && KEY_AT_END.test(content()));
    return content();
  }

  /** Waits until the kubelet's log fits. */
  async says(pattern: RegExp): Promise<void> {
    await this.#until(pattern.source, () => pattern.test(this.#log));
  }

  async stop(): Promise<void> {
    const running = this.#running;
    if (running === undefined || running.exitCode !== null || running.signalCode !== null) return;
    running.kill("SIGKILL");
    await once(running, "exit");
  }

  async remove(): Promise<void> {
    await this.stop();
    for (const session of this.#sessions) session.destroy();
    await new Promise((resolve) => this.#runtime.close(resolve));
    rmSync(this.#directory, { recursive: true, force: true });
  }

  async #until(what: string, isSo: () => boolean): Promise<void> {
    for (let waited = 0; !isSo(); waited += POLL_MILLISECONDS) {
      if (waited > LIMIT_MILLISECONDS) throw new Error(`waited in vain for ${what}; the kubelet said:\n${this.#log}`);
      await new Promise((resolve) => setTimeout(resolve, POLL_MILLISECONDS));
    }
  }

  #path(...names: readonly string[]): string {
    return join(this.#directory, ...names);
  }

  /** JSON is YAML. */
  #configuration(): string {
    return JSON.stringify({
      apiVersion: "kubelet.config.k8s.io/v1beta1",
      kind: "KubeletConfiguration",
      rotateCertificates: this.#options.rotateCertificates,
      failCgroupV1: false,
      failSwapOn: false,
      cgroupsPerQOS: false,
      enforceNodeAllocatable: [],
      makeIPTablesUtilChains: false,
      address: "127.0.0.1",
      port: UNUSED_PORT,
      healthzPort: 0,
      podLogsDir: this.#path("pod-logs"),
      containerRuntimeEndpoint: `unix://${this.#path("runtime.sock")}`,
      authentication: { anonymous: { enabled: false }, webhook: { enabled: false } },
      authorization: { mode: "AlwaysAllow" },
    });
  }
}
