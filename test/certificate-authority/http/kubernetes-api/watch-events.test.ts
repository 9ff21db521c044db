import { expect, test } from "@jest/globals";
import {
  type CsrApiDependencies,
  csrApi,
} from "../../../../services/certificate-authority/http/kubernetes-api/csr-resource.ts";
import { watchEvents } from "../../../../services/certificate-authority/http/kubernetes-api/watch-events.ts";
import { WatchFrameDecoder } from "../../../../services/shared/kubernetes/watch-frames.ts";
import { SettableClock } from "../../../fakes/settable-clock.ts";

const ENDS = { "k8s.io/initial-events-end": "true" };

function eventsIn(format: "json" | "protobuf") {
  const rendering = { format, pretty: false, conversion: "none", conversionVersion: "v1", includeObject: "Metadata" };
  const { type } = csrApi({} as CsrApiDependencies);
  return watchEvents(type, rendering as Parameters<typeof watchEvents>[1], new SettableClock(), "many");
}

function read(format: "json" | "protobuf", octets: Buffer): unknown {
  return format === "json" ? JSON.parse(octets.toString()) : new WatchFrameDecoder().push(octets)[0];
}

test.each([
  ...(["json", "protobuf"] as const).flatMap((format) =>
    [1, 9, 10, 12, 21, 99, 100, 123_456, 999_999, 1_000_000].flatMap((revision) => [
      { format, revision, ends: true },
      { format, revision, ends: false },
    ]),
  ),
])("the bookmark of revision $revision in $format says so, whichever came before", ({ format, revision, ends }) => {
  const events = eventsIn(format);
  events.bookmark(revision + 1, ends);
  expect(read(format, events.bookmark(revision, ends))).toEqual({
    type: "BOOKMARK",
    object: {
      kind: "CertificateSigningRequest",
      apiVersion: "certificates.k8s.io/v1",
      metadata: expect.objectContaining({ resourceVersion: String(revision), ...(ends && { annotations: ENDS }) }),
    },
  });
});

test("bookmarks share no octets", () => {
  const events = eventsIn("json");
  const first = events.bookmark(11, false);
  events.bookmark(22, false);
  expect(read("json", first)).toMatchObject({ object: { metadata: { resourceVersion: "11" } } });
});
