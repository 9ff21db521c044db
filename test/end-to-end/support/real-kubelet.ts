import { type ChildProcess, execFileSync, spawn } from "node:child_process";
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
  /** With it the kubelet comes all the way up, and serves with a certificate that it asks for. */
  readonly serving?: ServingKubelet;
}

export interface ServingKubelet {
  /** An address of this machine, not of loopback. */
  readonly nodeAddress: string;
  readonly port: number;
  /** A container runtime that answers. */
  readonly runtimeEndpoint: string;
}

/**
 * A machine with a kubelet on it, everything of which lies in one temporary directory. Its container runtime takes
 * calls and never answers, which holds the kubelet up long enough to get a certificate, unless it is to serve.
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

  /** Where this one keeps what it is configured by once it has joined. */
  get kubeconfigFile(): string {
    return this.#path("kubelet.kubeconfig");
  }

  /** Where they keep what they serve with. */
  get servingFile(): string {
    return this.#path("pki", "kubelet-server-current.pem");
  }

  log(): string {
    return this.#log;
  }

  start(): void {
    const { kubelet, bootstrapKubeconfig, nodeName, serving } = this.#options;
    const flags = [
      ...["--config", this.#path("config.yaml"), "--hostname-override", nodeName],
      ...["--bootstrap-kubeconfig", bootstrapKubeconfig, "--kubeconfig", this.kubeconfigFile],
      ...["--cert-dir", this.#path("pki"), "--root-dir", this.#path("root")],
      ...(serving ? ["--node-ip", serving.nodeAddress] : []),
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
  async certificate(previous?: string, file = this.currentFile): Promise<string> {
    const content = (): string => (existsSync(file) ? readFileSync(file, "utf8") : "");
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
    this.#unmount();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  /** A kubelet that comes all the way up mounts its root directory upon itself, and leaves it so. */
  #unmount(): void {
    const root = this.#path("root");
    if (readFileSync("/proc/self/mounts", "utf8").includes(` ${root} `)) execFileSync("umount", [root]);
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
    const { serving } = this.#options;
    return JSON.stringify({
      apiVersion: "kubelet.config.k8s.io/v1beta1",
      kind: "KubeletConfiguration",
      rotateCertificates: this.#options.rotateCertificates,
      failCgroupV1: false,
      failSwapOn: false,
      cgroupsPerQOS: false,
      enforceNodeAllocatable: [],
      makeIPTablesUtilChains: false,
      address: serving?.nodeAddress ?? "127.0.0.1",
      port: serving?.port ?? UNUSED_PORT,
      serverTLSBootstrap: serving !== undefined,
      healthzPort: 0,
      podLogsDir: this.#path("pod-logs"),
      containerRuntimeEndpoint: serving?.runtimeEndpoint ?? `unix://${this.#path("runtime.sock")}`,
      authentication: { anonymous: { enabled: false }, webhook: { enabled: false } },
      authorization: { mode: "AlwaysAllow" },
    });
  }
}
