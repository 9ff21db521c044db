import type { Json } from "./schema.ts";
import type { ServedGroupVersion, ServedResource } from "./served-resources.ts";

/** Versions of `apidiscovery.k8s.io` in which aggregated discovery is answered. */
export type AggregatedVersion = "v2" | "v2beta1";

/** `GET /api`: the versions of the core group. */
export function legacyVersions({ version }: ServedGroupVersion): Json {
  return { kind: "APIVersions", versions: [version], serverAddressByClientCIDRs: [] };
}

/** `GET /apis`, not aggregated. */
export function groupList(served: readonly ServedGroupVersion[]): Json {
  const groups = groupNames(served).map((name) => groupBody(name, served));
  return { kind: "APIGroupList", apiVersion: "v1", groups };
}

/** `GET /apis/{group}`. */
export function group(name: string, served: readonly ServedGroupVersion[]): Json {
  return { kind: "APIGroup", apiVersion: "v1", ...groupBody(name, served) };
}

/** `GET /apis/{group}/{version}`, or `/api/v1`. */
export function resourceList({ group: name, version, resources }: ServedGroupVersion): Json {
  return {
    kind: "APIResourceList",
    apiVersion: "v1",
    groupVersion: name === "" ? version : `${name}/${version}`,
    resources: resources.flatMap(resourceEntries),
  };
}

/**
 * `GET /apis` with everything in one answer. Of `/api` it is the same with the group of no name.
 * Source: kubernetes staging/src/k8s.io/api/apidiscovery/v2/types.go.
 */
export function aggregated(served: readonly ServedGroupVersion[], version: AggregatedVersion): Json {
  const items = groupNames(served).map((name) => ({
    metadata: { name },
    versions: served.filter((candidate) => candidate.group === name).map(aggregatedVersion),
  }));
  return { kind: "APIGroupDiscoveryList", apiVersion: `apidiscovery.k8s.io/${version}`, metadata: {}, items };
}

export function groupNames(served: readonly ServedGroupVersion[]): readonly string[] {
  return [...new Set(served.map(({ group: name }) => name))];
}

function groupBody(name: string, served: readonly ServedGroupVersion[]): Json {
  const versions = served
    .filter((candidate) => candidate.group === name)
    .map(({ version }) => ({ groupVersion: `${name}/${version}`, version }));
  return { name, versions, preferredVersion: versions[0] };
}

function resourceEntries(resource: ServedResource): readonly Json[] {
  const { name, singularName, kind, verbs, shortNames, subresources, isNamespaced = false } = resource;
  return [
    { name, singularName, namespaced: isNamespaced, kind, verbs, ...(shortNames.length > 0 && { shortNames }) },
    ...subresources.map((subresource) => ({
      name: `${name}/${subresource.name}`,
      singularName: "",
      namespaced: isNamespaced,
      kind,
      verbs: subresource.verbs,
    })),
  ];
}

function aggregatedVersion({ version, resources }: ServedGroupVersion): Json {
  return {
    version,
    freshness: "Current",
    resources: resources.map(
      ({ name: resource, singularName, kind, verbs, shortNames, subresources, isNamespaced }) => {
        // Empty means that of the group and version it stands in.
        const responseKind = { group: "", version: "", kind };
        return {
          resource,
          responseKind,
          scope: isNamespaced ? "Namespaced" : "Cluster",
          singularResource: singularName,
          verbs,
          ...(shortNames.length > 0 && { shortNames }),
          ...(subresources.length > 0 && {
            subresources: subresources.map((entry) => ({ subresource: entry.name, responseKind, verbs: entry.verbs })),
          }),
        };
      },
    ),
  };
}
