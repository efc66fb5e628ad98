import assert from "node:assert/strict";

import fc from "fast-check";

import {
  allowRouteFlag,
  allowRouteRegexp,
  alsoAllowing,
  routeMatcher,
} from "../../../migration/kiam/allowRouteRegexp.js";

/* Pure: expressions as kiam's agent compiles them (RE2). */

const path = fc
  .oneof(
    fc.webPath(),
    fc.string({ unit: "grapheme" }),
    fc.string({ unit: fc.constantFrom("/", ".", "*", "$", "^", "|", "\\", "(", "\n", "a", "é") }),
  )
  .map((text) => `/${text}`);

describe("allowRouteRegexp", () => {
  it("matches exactly the paths that it is given", () => {
    fc.assert(
      fc.property(fc.array(path, { maxLength: 5 }), path, (paths, other) => {
        const allowed = routeMatcher(allowRouteRegexp(paths));
        for (const each of paths) {
          assert.ok(allowed(each));
          assert.equal(allowed(`${each}x`), paths.includes(`${each}x`));
          assert.equal(allowed(`x${each}`), false);
        }
        assert.equal(allowed(other), paths.includes(other));
      }),
    );
  });

  it("fits a flag: printable, in one line, whatever the paths are", () => {
    fc.assert(
      fc.property(fc.array(path), (paths) => assert.match(allowRouteRegexp(paths), /^[ -~]*$/)),
    );
  });

  it("is the same for the same paths in any order", () => {
    const paths = ["/latest/user-data", "/2016-09-02/meta-data/instance-id"];
    const expression = "^(?:/2016-09-02/meta-data/instance-id|/latest/user-data)$";
    assert.equal(allowRouteRegexp(paths), expression);
    assert.equal(allowRouteRegexp([...paths, ...paths].reverse()), expression);
  });

  it("allows nothing for no paths, as kiam does by default", () => {
    assert.equal(allowRouteRegexp([]), "^$");
    for (const pattern of [undefined, "", "^$"]) {
      assert.equal(routeMatcher(pattern)("/latest/user-data"), false);
      assert.equal(alsoAllowing(pattern, ["/a"]), "^(?:/a)$");
    }
  });

  it("keeps what another expression allows", () => {
    const allowed = routeMatcher(alsoAllowing("^/latest/dynamic/", ["/latest/user-data"]));
    assert.ok(allowed("/latest/dynamic/x") && allowed("/latest/user-data"));
    assert.equal(allowed("/latest/user-data/x"), false);
  });

  it("is called by the name that kiam's version has for it", () => {
    assert.equal(allowRouteFlag("quay.io/uswitch/kiam:v3.6"), "whitelist-route-regexp");
    assert.equal(allowRouteFlag("quay.io/uswitch/kiam:v4.2"), "allow-route-regexp");
    assert.equal(allowRouteFlag("registry:3000/kiam:master"), "allow-route-regexp");
  });
});
