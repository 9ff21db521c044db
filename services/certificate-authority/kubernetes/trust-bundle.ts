import { type ClusterConnection, ClusterError } from "./cluster-connection.ts";
import type { ClusterSettings } from "./cluster-settings.ts";

/** Newest first. Source: kubernetes staging/src/k8s.io/api/certificates (ClusterTrustBundle, since 1.27). */
const BUNDLE_VERSIONS = ["v1", "v1beta1", "v1alpha1"] as const;

/** A place of the trust bundle, as whoever rotates issuers knows places. */
export interface ClusterPublisher {
  /** For the log. */
  readonly place: string;
  /** @throws when the cluster does not take it. */
  readonly publish: (bundlePem: string) => Promise<void>;
}

interface Found {
  readonly metadata: { readonly resourceVersion?: string };
  readonly data?: Readonly<Record<string, string>>;
  readonly spec?: { readonly trustBundle?: string };
}

/** The objects of a cluster that hold the trust bundle, as configured; nothing is written while another replica leads. */
export function clusterPublishers(
  cluster: Pick<ClusterConnection, "send">,
  { configMap, clusterTrustBundle }: ClusterSettings["trustBundle"],
  isLeading: () => boolean,
): readonly ClusterPublisher[] {
  const whenLeading = ({ place, publish }: ClusterPublisher): ClusterPublisher => ({
    place,
    publish: async (bundlePem) => (isLeading() ? publish(bundlePem) : undefined),
  });
  const publishers = [
    ...(configMap ? [configMapPublisher(cluster, configMap)] : []),
    ...(clusterTrustBundle === undefined ? [] : [clusterTrustBundlePublisher(cluster, clusterTrustBundle)]),
  ];
  return publishers.map(whenLeading);
}

function configMapPublisher(
  cluster: Pick<ClusterConnection, "send">,
  { namespace, name, key }: NonNullable<ClusterSettings["trustBundle"]["configMap"]>,
): ClusterPublisher {
  const path = `/api/v1/namespaces/${namespace}/configmaps`;
  return {
    place: `ConfigMap ${namespace}/${name}`,
    async publish(bundlePem) {
      const found = await read(cluster, `${path}/${name}`);
      if (found?.data?.[key] === bundlePem) return;
      // Other keys are others'.
      const data = { ...found?.data, [key]: bundlePem };
      const fresh = { apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace } };
      if (found === undefined) await cluster.send("POST", path, { ...fresh, data });
      else await cluster.send("PUT", `${path}/${name}`, { ...found, data });
    },
  };
}

function clusterTrustBundlePublisher(cluster: Pick<ClusterConnection, "send">, name: string): ClusterPublisher {
  async function publishAt(version: string, trustBundle: string): Promise<void> {
    const path = `/apis/certificates.k8s.io/${version}/clustertrustbundles`;
    const found = await read(cluster, `${path}/${name}`);
    if (found?.spec?.trustBundle === trustBundle) return;
    const fresh = { apiVersion: `certificates.k8s.io/${version}`, kind: "ClusterTrustBundle", metadata: { name } };
    if (found === undefined) await cluster.send("POST", path, { ...fresh, spec: { trustBundle } });
    else await cluster.send("PUT", `${path}/${name}`, { ...found, spec: { ...found.spec, trustBundle } });
  }

  return {
    place: `ClusterTrustBundle ${name}`,
    async publish(bundlePem) {
      for (const version of BUNDLE_VERSIONS) {
        try {
          return await publishAt(version, bundlePem);
        } catch (error) {
          // A version that is not served answers 404, also for creating.
          if (!(error instanceof ClusterError && error.code === 404)) throw error;
        }
      }
      throw new Error(
        "the cluster serves no ClusterTrustBundles; enable the API, or leave cluster.trustBundle.clusterTrustBundle out",
      );
    },
  };
}

/** @returns undefined when it is not there. */
async function read(cluster: Pick<ClusterConnection, "send">, path: string): Promise<Found | undefined> {
  try {
    return (await cluster.send("GET", path)) as Found;
  } catch (error) {
    if (error instanceof ClusterError && error.code === 404) return undefined;
    throw error;
  }
}
