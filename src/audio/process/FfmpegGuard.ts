/**
 * Limits what ffmpeg may do with bytes from an untrusted source. Some of its formats refer to other places, which it opens:
 * HLS, DASH, ffconcat, SDP, and formats that read a file next to a file. A stranger's file could make it play files of this
 * machine, or probe its network.
 *
 * @since 0.1.0
 */

/** Audio demuxers that read the bytes they are given and nothing else, by their names in ffmpeg (`ffmpeg -demuxers`). */
const sound = [
  "3dostr,4xm,aa,aac,aax,ac3,ac4,ace,acm,act,adf,adp,ads,adx,aea,afc,aiff,aix,alp,amr,amrnb,amrwb,apac,apc,ape,apm",
  "aptx,aptx_hd,argo_asf,argo_brp,argo_cvg,asf,asf_o,ast,au,avi,avr,bethsoftvid,bfstm,bink,binka,bit,bmv,boa,bonk",
  "brstm,c93,caf,cdxl,codec2,daud,dcstr,derf,dfa,dfpwm,dhav,dsf,dsicin,dss,dts,dtshd,dv,dxa,ea,ea_cdata,eac3,epaf",
  "film_cpk,flac,flv,fsb,fwse,g722,g723_1,g726,g726le,g728,g729,gdv,genh,gsm,gxf,hca,hcom,hnm,iamf,idcin,iff,ifv",
  "ilbc,ipmovie,ircam,iss,jv,kux,kvag,laf,lc3,libgme,libmodplug,libopenmpt,live_flv,lmlm4,loas,lvf,lxf,matroska",
  "mca,mgsts,mlp,mm,mmf,mods,moflex,mov,mp3,mpc,mpc8,mpeg,mpegts,mpegtsraw,msf,msnwctcp,mtaf,mtv,musx,mv,mvi,mxf",
  "nistsphere,nsp,nsv,nut,nuv,ogg,oma,osq,paf,pmp,pp_bnk,psxstr,pva,pvf,qcp,qoa,r3d,redspark,rka,rl2,rm,roq,rpl",
  "rsd,rso,s337m,sbc,scd,sdns,sdr2,sds,sdx,shn,siff,sln,smjpeg,smk,smush,sol,sox,spdif,svag,svs,swf,tak,tco,thp",
  "truehd,tta,ty,usm,vag,vividas,vivo,vmd,voc,vpk,vqf,w64,wady,wav,wavarc,wc3movie,webm,wsaud,wsd,wsvqa,wtv,wv,wve",
  "xa,xmd,xmv,xvag,xwma,yop"
].join(",")

/** Further formats of the pieces of HLS. */
const hls = `hls,applehttp,webvtt,${sound}`

/** What may be opened in each mode: for HLS, nothing of this machine; with a relay, what the relay can pass on. */
const protocols = {
  file: "file",
  pipe: "pipe",
  hls: "http,https,httpproxy,tls,tcp,crypto,data",
  relay: "http,tcp,crypto"
}

/**
 * The arguments before an input that make ffmpeg read it as audio and open nothing else. A caller that names a format has
 * made its choice.
 *
 * @category combinators
 * @since 0.1.0
 */
export const inputArgs = (
  by: keyof typeof protocols,
  own: ReadonlyArray<string> | undefined = []
): ReadonlyArray<string> => [
  "-protocol_whitelist",
  protocols[by],
  ...(own.includes("-f") ? [] : ["-format_whitelist", by === "file" || by === "pipe" ? sound : hls]),
  // the last one counts
  ...own
]
