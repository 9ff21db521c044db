import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type BackgroundProcess, startBackground } from "./background-process.ts";
import type { AuthorityFiles } from "./openssl-authority.ts";
import type { KubernetesPrograms, RealApiserver } from "./real-apiserver.ts";

export interface SigningControllerOptions {
  readonly programs: KubernetesPrograms;
  /** For its kubeconfig; removed by the caller. */
  readonly directory: string;
  readonly apiserver: Pick<RealApiserver, "url" | "masters">;
  /** Signs for both kinds of kubelet certificates. */
  readonly kubelets: AuthorityFiles;
  /** Signs for `kubernetes.io/kube-apiserver-client`. */
  readonly clients: AuthorityFiles;
  /** What it does besides; nothing without it. */
  readonly controllers?: readonly string[];
}

/** Starts a kube-controller-manager that signs what is approved. */
export function startSigningController(options: SigningControllerOptions): BackgroundProcess {
  const { programs, kubelets, clients, controllers = [] } = options;
  return startBackground(programs["kube-controller-manager"], [
    `--kubeconfig=${writeKubeconfig(options)}`,
    `--controllers=${["certificatesigningrequest-signing-controller", ...controllers].join(",")}`,
    "--leader-elect=false",
    "--secure-port=0",
    // Its own limit would have the rows wait for each other.
    "--kube-api-qps=1000",
    "--kube-api-burst=1000",
    ...authorityArguments("kubelet-serving", kubelets),
    ...authorityArguments("kubelet-client", kubelets),
    ...authorityArguments("kube-apiserver-client", clients),
  ]);
}

function authorityArguments(signer: string, { certificateFile, keyFile }: AuthorityFiles): readonly string[] {
  return [
    `--cluster-signing-${signer}-cert-file=${certificateFile}`,
    `--cluster-signing-${signer}-key-file=${keyFile}`,
  ];
}

function writeKubeconfig({ directory, apiserver: { url, masters } }: SigningControllerOptions): string {
  const base64 = (text = ""): string => Buffer.from(text).toString("base64");
  const user = {
    "client-certificate-data": base64(masters.certificatePem),
    "client-key-data": base64(masters.privateKeyPem),
  };
  const path = join(directory, "controller-manager.kubeconfig");
  const kubeconfig = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "real", cluster: { server: url, "certificate-authority-data": base64(masters.caPem) } }],
    users: [{ name: "masters", user }],
    contexts: [{ name: "real", context: { cluster: "real", user: "masters" } }],
    "current-context": "real",
  };
  writeFileSync(path, JSON.stringify(kubeconfig), { mode: 0o600 });
  return path;
}
