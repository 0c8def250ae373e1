import { expect, test } from "vitest"
import { parseS3Url } from "../../../../src/state/drivers/s3/url.ts"

const elsewhere = "https://s3.example.org"

test("at AWS, little has to be said", () => {
  expect(parseS3Url("s3://neat-state/fleet/prod")).toEqual({
    bucket: "neat-state",
    prefix: "fleet/prod/",
    region: undefined,
    endpoint: undefined,
    forcePathStyle: false,
    checksums: "supported",
    profile: undefined,
    url: "s3://neat-state/fleet/prod",
  })
})

test("another server gets paths and the checksums that old ones know, unless it is told otherwise", () => {
  const defaults = { endpoint: elsewhere, forcePathStyle: true, checksums: "required" }
  expect(parseS3Url(`s3://b-1?endpoint=${elsewhere}`)).toMatchObject({ ...defaults, prefix: "" })
  expect(parseS3Url("s3://b-1/p", { AWS_ENDPOINT_URL: elsewhere })).toMatchObject(defaults)
  expect(parseS3Url("s3://b-1/p", { AWS_ENDPOINT_URL: "http://other", AWS_ENDPOINT_URL_S3: elsewhere })).toMatchObject(
    defaults,
  )
  expect(
    parseS3Url(`s3://b-1/p?endpoint=${elsewhere}&forcePathStyle=false&checksums=supported&region=eu-1&profile=x`),
  ).toMatchObject({ forcePathStyle: false, checksums: "supported", region: "eu-1", profile: "x" })
  expect(parseS3Url("s3://b-1/p?endpoint=https://s3.eu-west-3.amazonaws.com")).toMatchObject({
    forcePathStyle: false,
    checksums: "supported",
  })
})

test("the URL of the store opens the same store, and slashes too many make no other one", () => {
  const url = `s3://neat-state//fleet%20one///prod/?region=eu-1&endpoint=${elsewhere}`
  const place = parseS3Url(url)
  expect(place).toMatchObject({ prefix: "fleet one/prod/" })
  expect(place.url).toBe("s3://neat-state/fleet%20one/prod?region=eu-1&endpoint=https%3A%2F%2Fs3.example.org")
  expect(parseS3Url(place.url)).toEqual(place)
})

// What is kept names its store by it, and may be recovered in another shell.
test.each([
  ["", {}, ""],
  ["", { AWS_ENDPOINT_URL: elsewhere }, "endpoint=https%3A%2F%2Fs3.example.org"],
  ["", { AWS_ENDPOINT_URL_S3: elsewhere, AWS_ENDPOINT_URL: "http://other" }, "endpoint=https%3A%2F%2Fs3.example.org"],
  [
    "endpoint=http://given&region=eu-1",
    { AWS_ENDPOINT_URL: elsewhere, AWS_REGION: "eu-2" },
    "endpoint=http%3A%2F%2Fgiven&region=eu-1",
  ],
  ["", { AWS_REGION: "eu-2" }, "region=eu-2"],
  ["checksums=required", { AWS_REGION: "eu-2" }, "checksums=required&region=eu-2"],
  // The profile has a region of its own.
  ["profile=x", { AWS_REGION: "eu-2" }, "profile=x"],
  ["", { AWS_REGION: "", AWS_ENDPOINT_URL: "" }, ""],
  ["", { AWS_REGION: "hunter2!" }, ""],
])("the URL of the store says what the environment said: %s and %j", (given, env, told) => {
  const url = (query: string): string => `s3://b-1/p${query === "" ? "" : `?${query}`}`
  const place = parseS3Url(url(given), env)
  expect(place.url).toBe(url(told))
  expect(parseS3Url(place.url)).toEqual(place)
  expect(parseS3Url(place.url, env)).toEqual(place)
})

test.each([
  ["s3:", "what follows s3:// is no bucket name"],
  ["s3://", "what follows s3:// is no bucket name"],
  ["s3://b/p", "what follows s3:// is no bucket name"],
  ["s3://neat_/p", "what follows s3:// is no bucket name"],
  ["s3://[bad", "it cannot be read as a URL"],
  ["s3://neat/p#x", "it has a part after #"],
  ["s3://neat/a%2Fb", "its prefix has a segment that no key should have"],
  ["s3://neat/a%00b", "its prefix has a segment that no key should have"],
  ["s3://neat/%ff", "its prefix has a segment that no key should have"],
  ["s3://neat/p?regoin=x", '"regoin" is no option of s3:'],
  ["s3://neat/p?region=eu-1&region=eu-2", 'the option "region" is given twice'],
  ["s3://neat/p?region=", "region must be a region such as eu-central-1"],
  ["s3://neat/p?endpoint=s3.example.org", "endpoint must be an address such as https://s3.example.org"],
  ["s3://neat/p?endpoint=ftp://s3.example.org", "endpoint must be an address"],
  ["s3://neat/p?forcePathStyle=yes", "forcePathStyle must be true or false"],
  ["s3://neat/p?checksums=none", "checksums must be required or supported"],
  ["s3://neat/p?profile=", "profile must be the name of a profile"],
])("%s is refused", (url, problem) => {
  expect(() => parseS3Url(url)).toThrow(
    expect.objectContaining({ code: "store-url-invalid", exit: 2, message: expect.stringContaining(problem) }),
  )
})

test.each([
  "s3://AKIA123:hunter2@neat/p",
  "s3://hunter2@neat/p",
  "s3://neat/p?secretAccessKey=hunter2",
  "s3://neat/p?endpoint=https://AKIA123:hunter2@s3.example.org",
  "s3://neat/p?endpoint=https://s3.example.org/?key=hunter2",
  "s3://neat/p?region=hunter2!",
])("no secret is repeated from %s", (url) => {
  const thrown = (() => {
    try {
      return parseS3Url(url)
    } catch (error) {
      return error
    }
  })()
  expect(thrown).toMatchObject({ code: "store-url-invalid" })
  expect(`${String(thrown)} ${JSON.stringify(thrown)}`).not.toMatch(/hunter2|AKIA/)
})

test.each(["foo", "//foo", "127.0.0.1:19870", "ftp://s3", "http://user:hunter2@127.0.0.1:1", "http://s3?tok=hunter2"])(
  "an address in the environment that is none is told by its variable, and not repeated: %s",
  (address) => {
    for (const name of ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"]) {
      expect(() => parseS3Url("s3://neat/p", { [name]: address })).toThrow(
        expect.objectContaining({
          code: "store-url-invalid",
          message: `${name} must be an address such as https://s3.example.org, without credentials and query`,
          exit: 2,
        }),
      )
    }
    expect(parseS3Url("s3://neat/p?endpoint=http://s3", { AWS_ENDPOINT_URL: address }).endpoint).toBe("http://s3")
  },
)
