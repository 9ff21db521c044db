import type { JsonObject } from "../../../shared/kubernetes/json-object.ts";
import type { BootstrapSecrets } from "../../access/bootstrap-secrets.ts";
import { SECRETS, type Secret, type SecretContent, TOKEN_NAMESPACE } from "../../domain/bootstrap-token-secret.ts";
import type { ObjectDraft } from "../../registry/contract.ts";
import type { Route } from "../call.ts";
import { BLANK_META, type Column, type ResourceType, type ServingParts } from "./resource-api.ts";
import { resourceRoutes } from "./resource-routes.ts";
import { ageOf } from "./table.ts";

const column = (name: string, description: string, format = ""): Column => {
  return { name, type: "string", format, description, priority: 0 };
};

/** Source of the columns: kubernetes pkg/printers/internalversion/printers.go. */
const SECRET_TYPE: ResourceType<Secret, ObjectDraft<SecretContent>> = {
  names: SECRETS,
  version: "v1",
  namespace: TOKEN_NAMESPACE,
  fields: { "metadata.namespace": () => TOKEN_NAMESPACE, type: ({ type }) => type },
  blank: { apiVersion: "v1", kind: SECRETS.kind, metadata: BLANK_META, data: {}, type: "" },
  columns: [
    column("Name", "Name of the Secret: bootstrap-token- and the token's id.", "name"),
    column("Type", "What kind of Secret it is."),
    column("Data", "How many values it has."),
    column("Age", "Time since the token was made."),
  ],
  cells: ({ metadata, type, data }, now) => [
    metadata.name,
    type,
    String(Object.keys(data).length),
    ageOf(metadata, now),
  ],
  toDraft: (metadata, decoded) => ({ metadata, content: secretContent(decoded) }),
};

/** Everything but deleting them all at once, which nobody should do by one wrong word. */
export const SECRET_VERBS: readonly string[] = ["create", "delete", "get", "list", "patch", "update", "watch"];

export interface SecretApiDependencies extends ServingParts {
  readonly secrets: BootstrapSecrets;
}

/** Where Express mounts bootstrap tokens as Secrets. */
export function secretRoutes({ secrets, ...parts }: SecretApiDependencies): readonly Route[] {
  return resourceRoutes({
    ...parts,
    type: SECRET_TYPE,
    reader: secrets.reader,
    writes: {
      create: (requester, draft, options) => secrets.create(requester, draft, options),
      update: (requester, name, _target, change, options) => secrets.update(requester, name, change, options),
      remove: (requester, name, held, options) => secrets.remove(requester, name, held, options),
    },
    targets: new Map([["", "main"]]),
    verbs: new Set(SECRET_VERBS),
  });
}

interface DecodedSecret {
  readonly data?: Readonly<Record<string, string>>;
  readonly stringData?: Readonly<Record<string, string>>;
  readonly type?: string;
}

/** Source: kubernetes pkg/apis/core/v1/conversion.go: plain text takes the place of what has its name. */
function secretContent(decoded: JsonObject): SecretContent {
  const { data = {}, stringData = {}, type } = decoded as JsonObject & DecodedSecret;
  const texts = Object.entries(stringData).map(([key, value]) => [key, Buffer.from(value).toString("base64")] as const);
  return { data: { ...data, ...Object.fromEntries(texts) }, type: type || "Opaque" };
}
