import type { ServerResponse } from "node:http";
import type { Clock } from "../../../shared/clock.ts";
import type { TypedObject } from "../../../shared/kubernetes/json-object.ts";
import { MEDIA_TYPES, type OutputFormat, outputNegotiator } from "../../../shared/kubernetes/output-format.ts";
import { envelopeChunks, listMetaField, varintField } from "../../../shared/kubernetes/protobuf.ts";
import { type CertificateSigningRequest, CSR_API_VERSION, CSR_KIND } from "../../domain/certificate-signing-request.ts";
import { sendBytes } from "../call.ts";
import { renderObject } from "../object-answer.ts";
import { jsonItemOf, jsonLineOf, messageOf, presentable, protobufOf, untyped } from "./encoded-csr.ts";
import { type IncludedObject, partialOf, tableOf } from "./table.ts";

/** How one answer is written: what Accept asked for and the query options that go with it. */
export interface Rendering extends OutputFormat {
  readonly includeObject: IncludedObject;
}

const LIST_KIND = `${CSR_KIND}List`;
const COMMA = Buffer.from(",");
const LIST_END = Buffer.from("]}\n");

/** @throws {StatusError} NotAcceptable. */
export const negotiateObject = outputNegotiator({ formats: ["json", "yaml", "protobuf"], conversions: true });
/** YAML has no form for streams. @throws {StatusError} NotAcceptable. */
export const negotiateWatch = outputNegotiator({ formats: ["json", "protobuf"], conversions: true });

/** Answers with one object. */
export function sendCsr(
  response: ServerResponse,
  code: number,
  csr: CertificateSigningRequest,
  rendering: Rendering,
  clock: Clock,
): void {
  sendBytes(response, code, MEDIA_TYPES[rendering.format], renderCsr(csr, rendering, clock.now()));
}

function renderCsr(csr: CertificateSigningRequest, rendering: Rendering, now: Date): Buffer {
  const { format, conversion, pretty } = rendering;
  if (conversion === "none" && format === "protobuf") return protobufOf(csr);
  if (conversion === "none" && format === "json" && !pretty) return jsonLineOf(csr);
  return renderObject(convert(csr, rendering, now, true), rendering);
}

/** The object as it is asked for: itself, its metadata or a table of one row. */
export function convert(
  csr: CertificateSigningRequest,
  rendering: Rendering,
  now: Date,
  withColumns: boolean,
): TypedObject {
  const { conversion, conversionVersion: version, includeObject } = rendering;
  const { resourceVersion } = csr.metadata;
  switch (conversion) {
    case "none":
      return presentable(csr) as TypedObject;
    case "partial":
    case "partialList":
      return partialOf(csr, version) as TypedObject;
    case "table":
      return tableOf([csr], resourceVersion, { version, includeObject }, now, withColumns) as TypedObject;
    default:
      return conversion satisfies never;
  }
}

/** A list in pieces, so that a long one need not stand in memory as a whole. */
export function* renderList(
  items: readonly CertificateSigningRequest[],
  revision: number,
  rendering: Rendering,
  now: Date,
): Generator<Uint8Array> {
  const { format, conversion, pretty } = rendering;
  if (conversion === "none" && format === "protobuf") yield* protobufList(items, revision);
  else if (conversion === "none" && format === "json" && !pretty) yield* jsonList(items, revision);
  else yield renderObject(convertedList(items, String(revision), rendering, now), rendering);
}

function* jsonList(items: readonly CertificateSigningRequest[], revision: number): Generator<Uint8Array> {
  yield Buffer.from(
    `{"kind":"${LIST_KIND}","apiVersion":"${CSR_API_VERSION}","metadata":{"resourceVersion":"${revision}"},"items":[`,
  );
  for (const [index, csr] of items.entries()) {
    if (index > 0) yield COMMA;
    yield* jsonItemOf(csr);
  }
  yield LIST_END;
}

function* protobufList(items: readonly CertificateSigningRequest[], revision: number): Generator<Uint8Array> {
  const chunks: Uint8Array[] = [listMetaField(String(revision))];
  for (const csr of items) {
    const message = messageOf(csr);
    chunks.push(varintField(0x12, message.length), message);
  }
  yield* envelopeChunks(CSR_API_VERSION, LIST_KIND, chunks);
}

function convertedList(
  items: readonly CertificateSigningRequest[],
  resourceVersion: string,
  { conversion, conversionVersion: version, includeObject }: Rendering,
  now: Date,
): TypedObject {
  const metadata = { resourceVersion };
  switch (conversion) {
    case "none":
      return { kind: LIST_KIND, apiVersion: CSR_API_VERSION, metadata, items: items.map(untyped) };
    case "partial":
    case "partialList": {
      const partials = items.map((csr) => partialOf(csr, version));
      return { kind: "PartialObjectMetadataList", apiVersion: `meta.k8s.io/${version}`, metadata, items: partials };
    }
    case "table":
      return tableOf(items, resourceVersion, { version, includeObject }, now, true) as TypedObject;
    default:
      return conversion satisfies never;
  }
}
