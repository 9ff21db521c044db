import { humanDuration } from "../../../shared/kubernetes/human-duration.ts";
import { StatusError } from "../../../shared/status-error.ts";
import type { CertificateSigningRequest } from "../../domain/certificate-signing-request.ts";
import { presentable, presentableMeta } from "./encoded-csr.ts";

/** What a row carries besides its cells (query option `includeObject`). */
export type IncludedObject = "Metadata" | "Object" | "None";

/** @throws {StatusError} BadRequest. Read only when a Table is asked for. */
export function includedObjectOf(query: URLSearchParams): IncludedObject {
  const value = query.get("includeObject") || "Metadata";
  if (value === "Metadata" || value === "Object" || value === "None") return value;
  throw new StatusError("BadRequest", "includeObject must be 'Metadata', 'Object', 'None' or empty");
}

export interface TableOptions {
  readonly version: "v1" | "v1beta1";
  readonly includeObject: IncludedObject;
}

interface Column {
  readonly name: string;
  readonly format: string;
  readonly description: string;
}

const COLUMNS: readonly Column[] = [
  { name: "Name", format: "name", description: "Name of the request, unique in the cluster." },
  { name: "Age", format: "", description: "Time since the request was created." },
  { name: "SignerName", format: "", description: "The signer that is asked." },
  { name: "Requestor", format: "", description: "The user who created the request." },
  { name: "RequestedDuration", format: "", description: "How long the certificate is asked to be valid." },
  { name: "Condition", format: "", description: "Where the request stands." },
];
const COLUMN_DEFINITIONS = COLUMNS.map(({ name, format, description }) => {
  return { name, type: "string", format, description, priority: 0 };
});

/**
 * The rows that `kubectl get csr` prints.
 *
 * @param withColumns - false for the later events of a watch.
 * Source: kubernetes pkg/printers/internalversion/printers.go.
 */
export function tableOf(
  items: readonly CertificateSigningRequest[],
  resourceVersion: string,
  { version, includeObject }: TableOptions,
  now: Date,
  withColumns: boolean,
): object {
  return {
    kind: "Table",
    apiVersion: `meta.k8s.io/${version}`,
    metadata: resourceVersion === "" ? {} : { resourceVersion },
    columnDefinitions: withColumns ? COLUMN_DEFINITIONS : null,
    rows: items.map((csr) => ({ cells: cellsOf(csr, now), object: rowObject(csr, version, includeObject) })),
  };
}

function cellsOf({ metadata, spec, status }: CertificateSigningRequest, now: Date): readonly string[] {
  const created = Date.parse(metadata.creationTimestamp);
  return [
    metadata.name,
    Number.isNaN(created) ? "<unknown>" : humanDuration((now.getTime() - created) / 1000),
    spec.signerName || "<none>",
    spec.username ?? "",
    spec.expirationSeconds === undefined ? "<none>" : humanDuration(spec.expirationSeconds),
    conditionText(status),
  ];
}

function conditionText({ conditions = [], certificate }: CertificateSigningRequest["status"]): string {
  const types = new Set(conditions.map(({ type }) => type));
  const decision = types.has("Denied") ? "Denied" : types.has("Approved") ? "Approved" : "Pending";
  return `${decision}${types.has("Failed") ? ",Failed" : ""}${certificate ? ",Issued" : ""}`;
}

function rowObject(csr: CertificateSigningRequest, version: string, included: IncludedObject): object | null {
  if (included === "None") return null;
  return included === "Object" ? presentable(csr) : partialOf(csr, version);
}

/** Only the metadata (`as=PartialObjectMetadata`). */
export function partialOf(csr: CertificateSigningRequest, version: string): { apiVersion: string; kind: string } {
  const metadata = presentableMeta(csr.metadata);
  const partial = { kind: "PartialObjectMetadata", apiVersion: `meta.k8s.io/${version}`, metadata };
  return partial;
}
