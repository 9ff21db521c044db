import { expect, test } from "@jest/globals";
import fc from "fast-check";
import ipaddr from "ipaddr.js";
import { isInIpRange, isIpRange } from "../../../services/certificate-authority/domain/ip-range.ts";

test.each([
  { text: "10.0.0.0/8", is: true },
  { text: "10.0.0.1/32", is: true },
  { text: "0.0.0.0/0", is: true },
  { text: "fd00::/8", is: true },
  { text: "::/128", is: true },
  { text: "10.0.0.0", is: false },
  { text: "10.0.0.0/", is: false },
  { text: "10.0.0.0/33", is: false },
  { text: "10.0.0.0/08x", is: false },
  { text: "10.0.0.0/8/8", is: false },
  { text: "10.0.0/8", is: false },
  { text: "fd00::/129", is: false },
  { text: "", is: false },
])("isIpRange: $text is $is", ({ text, is }) => {
  expect(isIpRange(text)).toBe(is);
});

test.each([
  { address: "10.0.0.1", range: "10.0.0.1", why: "a range without its bits holds nothing" },
  { address: "10.0.0.1", range: "::/0", why: "kinds differ" },
  { address: "fd00::1", range: "0.0.0.0/0", why: "kinds differ" },
  { address: "worker-1", range: "0.0.0.0/0", why: "no address" },
])("isInIpRange: $address is not in $range: $why", ({ address, range }) => {
  expect(isInIpRange(address, range)).toBe(false);
});

test("isInIpRange: property: agrees with ipaddr.js", () => {
  const near = fc.tuple(fc.ipV4(), fc.nat({ max: 32 }), fc.nat({ max: 255 }));
  fc.assert(
    fc.property(near, ([base, bits, last]) => {
      const address = base.replace(/\d+$/, String(last));
      const expected = ipaddr.parse(address).match(ipaddr.parse(base), bits);
      expect(isInIpRange(address, `${base}/${bits}`)).toBe(expected);
    }),
  );
  fc.assert(
    fc.property(fc.ipV6(), fc.ipV6(), fc.nat({ max: 128 }), (address, base, bits) => {
      const [one, two] = [ipaddr.parse(address) as ipaddr.IPv6, ipaddr.parse(base) as ipaddr.IPv6];
      fc.pre(!one.isIPv4MappedAddress() && !two.isIPv4MappedAddress());
      expect(isInIpRange(address, `${base}/${bits}`)).toBe(one.match(two, bits));
      expect(isInIpRange(base, `${base}/${bits}`)).toBe(true);
    }),
  );
});
