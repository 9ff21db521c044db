import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, delimiter, dirname, join } from "node:path";

export interface KubectlBinary {
  /** For example `v1.32.4`. */
  readonly version: string;
  readonly path: string;
}

export interface KubectlOutcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A kubectl that keeps running, such as a watch. */
export interface RunningKubectl {
  /** Resolves when standard output fits; rejects when kubectl ends before. */
  waitFor(pattern: RegExp): Promise<string>;
  stop(): Promise<void>;
}

/** One binary with one kubeconfig and a cache of its own. */
export interface Kubectl {
  run(args: readonly string[], options?: KubectlOptions): KubectlOutcome;
  /** As `run`, and throws with everything kubectl said unless it succeeded. */
  must(args: readonly string[], options?: KubectlOptions): string;
  start(args: readonly string[]): RunningKubectl;
  remove(): void;
}

export interface KubectlOptions {
  readonly input?: string;
  readonly environment?: Readonly<Record<string, string>>;
}

const RUN_LIMIT_MILLISECONDS = 60_000;

/**
 * Every kubectl of this machine: the one on PATH and those that lie beside it as `kubectl.<minor>`. Oldest first; of
 * two with the same version one.
 */
export function findKubectls(): readonly KubectlBinary[] {
  const onPath = (process.env["PATH"] ?? "").split(delimiter).flatMap((directory) => namesIn(directory, /^kubectl$/));
  const [first] = onPath;
  if (first === undefined) return [];
  const beside = namesIn(dirname(realpathSync(first)), /^kubectl\.1\.\d+$/);
  const binaries = [first, ...beside].flatMap((path) => {
    const version = versionOf(path);
    return version === undefined ? [] : [{ path, version }];
  });
  const byVersion = new Map(binaries.map((binary) => [binary.version, binary]));
  return [...byVersion.values()].sort((a, b) => a.version.localeCompare(b.version, "en", { numeric: true }));
}

function namesIn(directory: string, pattern: RegExp): readonly string[] {
  try {
    const names = readdirSync(directory).filter((name) => pattern.test(basename(name)));
    return names.map((name) => join(directory, name));
  } catch {
    return [];
  }
}

function versionOf(path: string): string | undefined {
  const { stdout } = spawnSync(path, ["version", "--client", "-o", "json"], { encoding: "utf8" });
  return /"gitVersion": "([^"]+)"/.exec(stdout ?? "")?.[1];
}

/** @param kubeconfig - path of the file that says where the server is and who calls. */
export function kubectlWith({ path }: KubectlBinary, kubeconfig: string): Kubectl {
  const home = mkdtempSync(join(tmpdir(), "gatehouse-kubectl-"));
  const environment = { PATH: process.env["PATH"], HOME: home, KUBECONFIG: kubeconfig };
  const run: Kubectl["run"] = (args, options = {}) => {
    const { status, stdout, stderr } = spawnSync(path, args, {
      encoding: "utf8",
      env: { ...environment, ...options.environment },
      input: options.input ?? "",
      timeout: RUN_LIMIT_MILLISECONDS,
    });
    return { code: status, stdout, stderr };
  };
  return {
    run,
    must: (args, options) => {
      const { code, stdout, stderr } = run(args, options);
      if (code !== 0) throw new Error(`kubectl ${args.join(" ")} ended with ${code}\n${stdout}${stderr}`);
      return stdout;
    },
    start: (args) => startKubectl(path, args, environment),
    remove: () => rmSync(home, { recursive: true, force: true }),
  };
}

function startKubectl(path: string, args: readonly string[], env: NodeJS.ProcessEnv): RunningKubectl {
  const child = spawn(path, args, { env, stdio: ["ignore", "pipe", "pipe"] });
  const ended = once(child, "exit");
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    stdout += chunk;
    child.emit("output");
  });
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
    stderr += chunk;
  });
  return {
    waitFor: async (pattern) => {
      while (!pattern.test(stdout)) {
        const [next] = await Promise.race([once(child, "output"), ended.then(() => ["ended"])]);
        if (next === "ended") throw new Error(`kubectl ${args.join(" ")} ended early\n${stdout}${stderr}`);
      }
      return stdout;
    },
    stop: async () => {
      child.kill("SIGTERM");
      await ended;
    },
  };
}
