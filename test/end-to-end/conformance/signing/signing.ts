import { configurationWith } from "../../support/configuration.ts";
import { startGatehouse } from "../../support/gatehouse-process.ts";
import { HttpsClient, readKubeconfig } from "../../support/https-client.ts";
import { makeAuthority } from "../../support/openssl-authority.ts";
import type { KubernetesPrograms } from "../../support/real-apiserver.ts";
import { startSigningController } from "../../support/real-signing-controller.ts";
import type { Setting } from "../setting.ts";
import { CLIENT_ROWS } from "./client-rows.ts";
import { KUBELET_ROWS } from "./kubelet-rows.ts";
import { buildRequests, type Signed, signAll } from "./play.ts";
import type { SigningRow } from "./row.ts";

export interface SignedTwice {
  readonly ours: Signed;
  readonly theirs: Signed;
}

export const SIGNING_ROWS: readonly SigningRow[] = [...KUBELET_ROWS, ...CLIENT_ROWS];

/** Shorter than the lifetimes that are asked for, so that it ends them. */
const CLIENT_AUTHORITY_DAYS = 30;

/**
 * What Gatehouse and a kube-controller-manager make of every row, by its name. Kubelets get their certificates from the
 * setting's CA, other clients from one of another kind: kube-controller-manager has one a signer, Gatehouse one a server.
 */
export async function signRows(
  programs: KubernetesPrograms,
  setting: Setting,
): Promise<ReadonlyMap<string, SignedTwice>> {
  // At once, since keys are made while nothing else runs.
  const [ofKubelets, ofClients] = [KUBELET_ROWS, CLIENT_ROWS].map(buildRequests) as [Requests, Requests];
  const { directory, authority: kubelets, apiserver, administrators } = setting;
  const clients = makeAuthority(directory, {
    commonName: "jane",
    subject: "/C=DE/CN=jane",
    kind: "rsa-2048",
    days: CLIENT_AUTHORITY_DAYS,
  });
  const configuration = configurationWith({
    issuer: { import: clients },
    approval: { hooks: [{ manual: {} }] },
    log: { level: "error" },
  });
  const gatehouse = await startGatehouse({ configuration });
  const controller = startSigningController({ programs, directory, apiserver, kubelets, clients });
  const { url, credentials } = readKubeconfig(gatehouse.adminKubeconfig);
  const administrator = new HttpsClient(url, credentials);
  try {
    const signed = await Promise.all([
      signAll({ administrator: administrators.ours, authority: kubelets }, ofKubelets),
      signAll({ administrator: administrators.theirs, authority: kubelets }, ofKubelets),
      signAll({ administrator, authority: clients }, ofClients),
      signAll({ administrator: administrators.theirs, authority: clients }, ofClients),
    ]);
    return new Map([...paired(KUBELET_ROWS, signed[0], signed[1]), ...paired(CLIENT_ROWS, signed[2], signed[3])]);
  } catch (error) {
    throw new Error(`${String(error)}; kube-controller-manager printed:\n${controller.output().slice(-4000)}`, {
      cause: error,
    });
  } finally {
    administrator.close();
    await Promise.all([controller.stop(), gatehouse.remove()]);
  }
}

type Requests = ReturnType<typeof buildRequests>;

function paired(rows: readonly SigningRow[], ours: readonly Signed[], theirs: readonly Signed[]) {
  return rows.map(
    ({ name }, index) => [name, { ours: ours[index] as Signed, theirs: theirs[index] as Signed }] as const,
  );
}
