# The image holds the binary, a second name for it, and nothing else. Whoever
# builds it, GoReleaser or docker, puts a static binary for each platform at
# linux/ARCH[/VARIANT]/argserver beside this file.
FROM scratch
ARG TARGETPLATFORM
COPY --chmod=0755 $TARGETPLATFORM/argserver /argserver
COPY rootfs/ /
# By number, so that a kubelet can see for itself that it is not root.
USER 65532:65532
EXPOSE 8080
# There is no shell or curl here: under its second name argserver asks itself.
# It gives up after three seconds on its own and then says why.
HEALTHCHECK --interval=5s --timeout=4s CMD ["/healthcheck"]
ENTRYPOINT ["/argserver"]
CMD ["a", "b", "c", "d"]
