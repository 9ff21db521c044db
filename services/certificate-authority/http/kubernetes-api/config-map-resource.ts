import { CLUSTER_INFO_NAMESPACE, CONFIG_MAPS, type ConfigMap } from "../../domain/config-map.ts";
import type { ObjectReader } from "../../domain/ports.ts";
import { resourceErrors } from "../../domain/resource-errors.ts";
import type { Route } from "../call.ts";
import { BLANK_META, type MetaDraft, type ResourceType, type ServingParts } from "./resource-api.ts";
import { resourceRoutes } from "./resource-routes.ts";
import { ageOf } from "./table.ts";

/** Source of the columns: kubernetes pkg/printers/internalversion/printers.go. */
const CONFIG_MAP_TYPE: ResourceType<ConfigMap, MetaDraft> = {
  names: CONFIG_MAPS,
  version: "v1",
  namespace: CLUSTER_INFO_NAMESPACE,
  fields: { "metadata.namespace": () => CLUSTER_INFO_NAMESPACE },
  blank: { apiVersion: "v1", kind: CONFIG_MAPS.kind, metadata: BLANK_META, data: {} },
  columns: [
    { name: "Name", type: "string", format: "name", description: "Name of the ConfigMap.", priority: 0 },
    { name: "Data", type: "string", format: "", description: "How many values it has.", priority: 0 },
    { name: "Age", type: "string", format: "", description: "Time since it was made.", priority: 0 },
  ],
  cells: ({ metadata, data }, now) => [metadata.name, String(Object.keys(data).length), ageOf(metadata, now)],
  toDraft: (metadata) => ({ metadata }),
};

export const CONFIG_MAP_VERBS: readonly string[] = ["get", "list"];

export interface ConfigMapApiDependencies extends ServingParts {
  readonly configMaps: ObjectReader<ConfigMap>;
}

/** Where Express mounts ConfigMaps: the one that tells where the server is. */
export function configMapRoutes({ configMaps, ...parts }: ConfigMapApiDependencies): readonly Route[] {
  const refuse = async (): Promise<never> => {
    throw resourceErrors(CONFIG_MAPS).forbidden("", "ConfigMaps are only read here");
  };
  return resourceRoutes({
    ...parts,
    type: CONFIG_MAP_TYPE,
    reader: configMaps,
    writes: { create: refuse, update: refuse, remove: refuse },
    targets: new Map([["", "main"]]),
    verbs: new Set(CONFIG_MAP_VERBS),
  });
}
