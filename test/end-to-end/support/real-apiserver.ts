import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { openssl } from "../../builders/openssl.ts";
import { type BackgroundProcess, startBackground, waitUntil } from "./background-process.ts";
import { makeClient, makeLeaf } from "./client-certificates.ts";
import { type Credentials, HttpsClient } from "./https-client.ts";
import { findKubernetesProgram } from "./kubernetes-programs.ts";
import type { AuthorityFiles } from "./openssl-authority.ts";

const PROGRAMS = ["etcd", "kube-apiserver", "kube-controller-manager"] as const;

/** Paths of the programs of a Kubernetes control plane. */
export type KubernetesPrograms = Readonly<Record<(typeof PROGRAMS)[number], string>>;

/** The programs that this machine has; undefined unless all are there. */
export function findControlPlane(): KubernetesPrograms | undefined {
  const paths = PROGRAMS.map((program) => [program, findKubernetesProgram(program)] as const);
  return paths.every(([, path]) => path !== undefined) ? (Object.fromEntries(paths) as KubernetesPrograms) : undefined;
}

/** A kube-apiserver with an etcd of its own. */
export interface RealApiserver {
  readonly url: string;
  readonly etcdUrl: string;
  /** A client certificate of `system:masters`. */
  readonly masters: Credentials;
  /** Stops it, and starts it again at its address, with what its etcd holds. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

export interface RealApiserverOptions {
  readonly programs: KubernetesPrograms;
  /** For files and data; removed by the caller. */
  readonly directory: string;
  /** Signs the serving certificate and every client certificate that is accepted. */
  readonly authority: AuthorityFiles;
  /** Who authorizes and restricts nodes; RBAC and NodeRestriction without it. */
  readonly guards?: readonly string[];
  /** An etcd that is running already, so that several kube-apiservers show the same objects; one of its own without it. */
  readonly etcdUrl?: string;
  /** Further arguments of kube-apiserver. */
  readonly arguments?: readonly string[];
}

/** Starts kube-apiserver on loopback, with an etcd, and waits until it is ready. */
export async function startRealApiserver(options: RealApiserverOptions): Promise<RealApiserver> {
  const [clientPort, peerPort, securePort] = await freePorts(3);
  const etcdUrl = options.etcdUrl ?? `http://127.0.0.1:${clientPort}`;
  const url = `https://127.0.0.1:${securePort}`;
  const programArguments = apiserverArguments(options, etcdUrl, `${securePort}`);
  const masters = {
    caPem: readFileSync(options.authority.certificateFile, "utf8"),
    ...makeClient(options.directory, options.authority, "masters", "/O=system:masters/CN=masters"),
  };
  const peerUrl = `http://127.0.0.1:${peerPort}`;
  const etcd = options.etcdUrl === undefined ? startEtcd(options, etcdUrl, peerUrl) : undefined;
  let apiserver: BackgroundProcess | undefined;
  const start = async (): Promise<void> => {
    const started = startBackground(options.programs["kube-apiserver"], programArguments);
    apiserver = started;
    const client = new HttpsClient(url, masters);
    await waitUntil("readiness of kube-apiserver", started, async () => {
      const answers = await Promise.all(["/readyz", "/healthz"].map((path) => client.send("GET", path)));
      return answers.every(({ status }) => status === 200);
    });
    client.close();
  };
  const stop = async (): Promise<void> => {
    await apiserver?.stop();
    await etcd?.stop();
  };
  const restart = async (): Promise<void> => {
    await apiserver?.stop();
    await start();
  };
  try {
    await start();
    return { url, etcdUrl, masters, restart, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function startEtcd({ programs, directory }: RealApiserverOptions, url: string, peerUrl: string): BackgroundProcess {
  return startBackground(programs.etcd, [
    `--data-dir=${join(directory, "etcd")}`,
    `--listen-client-urls=${url}`,
    `--advertise-client-urls=${url}`,
    `--listen-peer-urls=${peerUrl}`,
    "--unsafe-no-fsync",
    "--log-level=error",
  ]);
}

function apiserverArguments(options: RealApiserverOptions, etcdUrl: string, port: string): readonly string[] {
  const { directory, authority } = options;
  const serving = makeLeaf(directory, authority, {
    name: "kube-apiserver",
    subject: "/CN=kube-apiserver",
    extensions: ["subjectAltName=IP:127.0.0.1", "extendedKeyUsage=serverAuth"],
  });
  const accountKey = join(directory, "service-account.key");
  openssl("genrsa", "-out", accountKey, "2048");
  return [
    `--etcd-servers=${etcdUrl}`,
    "--bind-address=127.0.0.1",
    "--advertise-address=127.0.0.1",
    `--secure-port=${port}`,
    `--tls-cert-file=${serving.certificateFile}`,
    `--tls-private-key-file=${serving.keyFile}`,
    `--client-ca-file=${authority.certificateFile}`,
    `--cert-dir=${join(directory, "unused")}`,
    ...(options.guards ?? ["--authorization-mode=RBAC", "--enable-admission-plugins=NodeRestriction"]),
    "--enable-bootstrap-token-auth",
    "--service-account-issuer=https://kubernetes.default.svc",
    `--service-account-key-file=${accountKey}`,
    `--service-account-signing-key-file=${accountKey}`,
    "--service-cluster-ip-range=10.0.0.0/24",
    ...(options.arguments ?? []),
  ];
}

/** Ports that were free a moment ago: programs do not tell which they take. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  await Promise.all(servers.map((server) => once(server, "listening")));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
