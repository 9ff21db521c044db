import { join } from "node:path";
import { type BackgroundProcess, startBackground, waitUntil } from "./background-process.ts";
import type { ControlPlaneFiles } from "./control-plane-files.ts";
import { HttpsClient, readKubeconfig } from "./https-client.ts";
import type { KubernetesPrograms } from "./real-apiserver.ts";

export interface ControlPlanePorts {
  readonly etcd: number;
  readonly peer: number;
  /** The one that the kubeconfigs name. */
  readonly apiserver: number;
}

/** Starts etcd and kube-apiserver with the files of a control plane and nothing else, as kubeadm's manifests do. */
export async function startTlsControlPlane(
  programs: KubernetesPrograms,
  files: ControlPlaneFiles,
  ports: ControlPlanePorts,
): Promise<{ stop(): Promise<void> }> {
  const running: BackgroundProcess[] = [];
  const stop = async (): Promise<void> => {
    for (const process of running.toReversed()) await process.stop();
  };
  try {
    running.push(startBackground(programs.etcd, etcdArguments(files, ports)));
    const apiserver = startBackground(programs["kube-apiserver"], apiserverArguments(files, ports));
    running.push(apiserver);
    const { url, credentials } = readKubeconfig(files.kubeconfig("super-admin.conf"));
    const client = new HttpsClient(url, credentials);
    await waitUntil("readiness of kube-apiserver", apiserver, async () => {
      return (await client.send("GET", "/readyz")).status === 200;
    });
    client.close();
    return { stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Source: kubernetes cmd/kubeadm/app/phases/etcd/local.go. */
function etcdArguments({ directory, file }: ControlPlaneFiles, { etcd, peer }: ControlPlanePorts): readonly string[] {
  const [url, peerUrl] = [`https://127.0.0.1:${etcd}`, `https://127.0.0.1:${peer}`];
  return [
    `--data-dir=${join(directory, "etcd-data")}`,
    `--name=cp-1`,
    `--listen-client-urls=${url}`,
    `--advertise-client-urls=${url}`,
    `--listen-peer-urls=${peerUrl}`,
    `--initial-advertise-peer-urls=${peerUrl}`,
    `--initial-cluster=cp-1=${peerUrl}`,
    `--cert-file=${file("etcd/server.crt")}`,
    `--key-file=${file("etcd/server.key")}`,
    `--trusted-ca-file=${file("etcd/ca.crt")}`,
    "--client-cert-auth=true",
    `--peer-cert-file=${file("etcd/peer.crt")}`,
    `--peer-key-file=${file("etcd/peer.key")}`,
    `--peer-trusted-ca-file=${file("etcd/ca.crt")}`,
    "--peer-client-cert-auth=true",
    "--unsafe-no-fsync",
    "--log-level=error",
  ];
}

/** Source: kubernetes cmd/kubeadm/app/phases/controlplane/manifests.go. */
function apiserverArguments({ directory, file }: ControlPlaneFiles, ports: ControlPlanePorts): readonly string[] {
  return [
    `--etcd-servers=https://127.0.0.1:${ports.etcd}`,
    `--etcd-cafile=${file("etcd/ca.crt")}`,
    `--etcd-certfile=${file("apiserver-etcd-client.crt")}`,
    `--etcd-keyfile=${file("apiserver-etcd-client.key")}`,
    "--advertise-address=127.0.0.1",
    "--bind-address=127.0.0.1",
    `--secure-port=${ports.apiserver}`,
    `--tls-cert-file=${file("apiserver.crt")}`,
    `--tls-private-key-file=${file("apiserver.key")}`,
    `--client-ca-file=${file("ca.crt")}`,
    `--kubelet-client-certificate=${file("apiserver-kubelet-client.crt")}`,
    `--kubelet-client-key=${file("apiserver-kubelet-client.key")}`,
    `--proxy-client-cert-file=${file("front-proxy-client.crt")}`,
    `--proxy-client-key-file=${file("front-proxy-client.key")}`,
    `--requestheader-client-ca-file=${file("front-proxy-ca.crt")}`,
    "--requestheader-allowed-names=front-proxy-client",
    "--requestheader-extra-headers-prefix=X-Remote-Extra-",
    "--requestheader-group-headers=X-Remote-Group",
    "--requestheader-username-headers=X-Remote-User",
    "--authorization-mode=Node,RBAC",
    "--enable-admission-plugins=NodeRestriction",
    "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
    `--service-account-key-file=${file("sa.pub")}`,
    `--service-account-signing-key-file=${file("sa.key")}`,
    "--service-cluster-ip-range=10.96.0.0/12",
    `--cert-dir=${join(directory, "unused")}`,
  ];
}
