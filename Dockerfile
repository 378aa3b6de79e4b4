# The image contains the binary, a second name for it, and nothing else. GoReleaser,
# or whoever runs docker build, puts a static binary for each platform next to this
# file: linux/ARCH[/VARIANT]/argserver.
FROM scratch
ARG TARGETPLATFORM
COPY --chmod=0755 $TARGETPLATFORM/argserver /argserver
COPY rootfs/ /
# A number, so that the kubelet can check that it is not root.
USER 65532:65532
EXPOSE 8080
# The image has no shell and no curl, so argserver checks itself under its second
# name. It gives up after three seconds and says why, before Docker's timeout.
HEALTHCHECK --interval=5s --timeout=4s CMD ["/healthcheck"]
ENTRYPOINT ["/argserver"]
CMD ["a", "b", "c", "d"]
